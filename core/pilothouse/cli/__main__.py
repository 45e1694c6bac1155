"""`python -m pilothouse.cli`: how one process of Pilothouse starts another."""

from pilothouse.cli import main

main()
