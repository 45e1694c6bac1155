"""The height of tables: as tall as their rows, and no taller than the window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.table import HEAD, ROW

SHORT_TABLE_ROWS = 8


def limited_height(rows: int, most: int) -> Literal["content"] | int:
    """The height of a table of so many rows beside other things: its own, or that of `most`."""
    return "content" if rows <= most else HEAD + ROW * most


@contextmanager
def table_height(
    key: str, rows: int, *, reserve: float = 12
) -> Iterator[Literal["stretch", "content"]]:
    """Yield the height for a table of so many rows: its own when they are few, else the window's.

    A few rows in a table that fills the window would leave empty lines under them.
    """
    if rows <= SHORT_TABLE_ROWS:
        yield "content"
        return
    with fill_window(key, reserve=reserve, most=ROW * rows + HEAD):
        yield "stretch"
