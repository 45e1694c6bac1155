"""Markdown of the generated reference pages."""

from __future__ import annotations

from collections.abc import Sequence

NOTE = "<!-- Written by `make docs`; change the code, then run it. -->"


def page(title: str, *parts: str) -> str:
    """A page that says that it is generated, from parts that a blank line divides."""
    return "\n\n".join([f"# {title}", NOTE, *parts]) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a bar would end a cell, so that a slash stands for it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines)
