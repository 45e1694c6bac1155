"""What the footer of a Parquet file says about its rows, without reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData


@dataclass(frozen=True)
class ColumnRange:
    """Rows whose value of a column lies between two, both included; None is open."""

    column: str
    low: Any
    high: Any


def parts_within(
    metadata: FileMetaData, present: Mapping[str, str], ranges: Sequence[ColumnRange]
) -> list[int]:
    """The row groups that may have a row within all ranges; `present` are names by stored ones."""
    return [
        group
        for group in range(metadata.num_row_groups)
        if all(
            _may_be_within(extent(metadata, group, present, part.column), part) for part in ranges
        )
    ]


def extent(
    metadata: FileMetaData, group: int, present: Mapping[str, str], column: str
) -> tuple[Any, Any] | None:
    """The smallest and the largest value of a column in a row group; None where that is unknown."""
    part = metadata.row_group(group)
    for index in range(part.num_columns):
        chunk = part.column(index)
        if present.get(chunk.path_in_schema) == column:
            statistics = chunk.statistics
            has_both = statistics is not None and statistics.has_min_max
            return (statistics.min, statistics.max) if has_both else None
    return None


def whole_extent(
    metadata: FileMetaData, present: Mapping[str, str], column: str
) -> tuple[Any, Any] | None:
    """The smallest and the largest value of a column in a file; None where that is unknown."""
    parts = [extent(metadata, group, present, column) for group in range(metadata.num_row_groups)]
    extents = [part for part in parts if part is not None]
    if not extents or len(extents) < len(parts):
        return None
    return min(low for low, _ in extents), max(high for _, high in extents)


def _may_be_within(values: tuple[Any, Any] | None, part: ColumnRange) -> bool:
    if values is None:
        return True
    low, high = values
    try:
        return not (
            (part.low is not None and high < part.low)
            or (part.high is not None and low > part.high)
        )
    except TypeError:  # written as another type
        return True
