"""What the footer of a Parquet file says about its rows, without reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pilothouse.deployments.prediction_log.stored_columns import present_name

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

COMPARED = ("prediction_id", "event_at", "label_at", "received_at")


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


def may_hold(path: Path, ranges: Sequence[ColumnRange]) -> bool:
    """Whether a file may have a row within all ranges; one that cannot be read may.

    Raises FileNotFoundError when it was merged meanwhile. PERF: of a file that has none, the footer
    is read once in a process.
    """
    extents = file_extents(path)
    return all(_may_be_within(extents.get(part.column), part) for part in ranges)


@lru_cache(maxsize=20_000)
def file_extents(path: Path) -> Mapping[str, tuple[Any, Any]]:
    """The smallest and the largest ids and times of a file by column, which never change.

    Columns whose footer does not say so are missing. Raises FileNotFoundError when the file was
    merged meanwhile.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as source:
            file = pq.ParquetFile(source)
            schema, metadata = file.schema_arrow, file.metadata
    except FileNotFoundError:
        if path.is_symlink():
            return {}
        raise
    except (OSError, ValueError, pa.ArrowException):
        return {}
    present = {name: present_name(name, schema.metadata) for name in schema.names}
    extents = {column: whole_extent(metadata, present, column) for column in COMPARED}
    return {column: values for column, values in extents.items() if values is not None}


def rows_within(path: Path, ranges: Sequence[ColumnRange]) -> int:
    """How many rows of a file lie within all ranges at most, by its footer; 0 of a damaged one.

    Raises FileNotFoundError when it was merged meanwhile.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as source:
            file = pq.ParquetFile(source)
            schema, metadata = file.schema_arrow, file.metadata
    except FileNotFoundError:
        if path.is_symlink():
            return 0
        raise
    except (OSError, ValueError, pa.ArrowException):
        return 0
    present = {name: present_name(name, schema.metadata) for name in schema.names}
    groups = parts_within(metadata, present, ranges)
    return sum(metadata.row_group(group).num_rows for group in groups)


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
