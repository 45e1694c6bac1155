"""CSV that a spreadsheet opens as text: a cell that would be a formula is quoted.

A spreadsheet runs what begins with `=`, `+`, `-` or `@`, also after a tab or a line break. Names
and parameters come from others, so such a text gets an apostrophe before it. Numbers stay numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_csv(frame: pd.DataFrame, missing: str = "") -> bytes:
    """The frame as CSV without its index, every text in it harmless to a spreadsheet."""
    safe = frame.rename(columns=escape)
    for index, kind in enumerate(safe.dtypes):
        if kind.kind == "O" or str(kind) in ("str", "string", "category"):
            column = safe.iloc[:, index].astype(object).map(escape)
            safe.isetitem(index, column.to_numpy())
    return safe.to_csv(index=False, na_rep=missing).encode()


def escape(value: Any) -> Any:
    """A cell's value; a text that a spreadsheet would take for a formula gets an apostrophe."""
    if not isinstance(value, str) or not value.lstrip(" ").startswith(STARTS):
        return value
    return value if _is_number(value) else f"'{value}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text.strip() == text
