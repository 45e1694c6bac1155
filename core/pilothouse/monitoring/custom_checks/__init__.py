"""Custom checks: people's own, in SQL or Python, on the rows of a window and of the reference."""
