"""Input columns in a model process: lists of values, or one array of numbers.

An array has a row per column, holds float64 and NaN for what is missing, and is what a model of
numbers only is sent: PERF: nothing is parsed. numpy is imported by whoever makes such an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers: TypeAlias = npt.NDArray[np.float64]

Lists: TypeAlias = "Sequence[list[Any]]"
Columns: TypeAlias = "Sequence[list[Any]] | Numbers"


def is_numbers(columns: Columns) -> bool:
    """Whether the columns are one array of numbers."""
    return hasattr(columns, "dtype")


def as_lists(columns: Columns) -> Lists:
    """The columns as lists, with None for what is missing."""
    if not is_numbers(columns):
        return cast(Lists, columns)
    lists = cast("Numbers", columns).tolist()
    return [[None if value != value else value for value in column] for column in lists]


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several requests as those of one, in the order of the requests."""
    if len(parts) == 1:
        return parts[0]
    if all(map(is_numbers, parts)):
        import numpy as np

        return np.concatenate(cast("list[Numbers]", parts), axis=1)
    return [
        [value for column in columns for value in column]
        for columns in zip(*map(as_lists, parts), strict=True)
    ]
