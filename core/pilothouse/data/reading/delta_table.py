"""Delta tables in, by the library deltalake, which the extra `delta` installs.

Rows are read by `scan`, which knows deletion vectors. Their order is not that of the table, which
has none: they are put in the order of their columns, so that equal rows have one content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from pilothouse.data.reading.arrow_rows import ArrowRows
from pilothouse.data.reading_options import MAX_COLUMNS, MAX_TABLE
from pilothouse.kit.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from deltalake import DeltaTable

WIDTH = 8  # bytes of a value, at least
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class DeltaVersion:
    """A table at one of its versions: what it is called for ever, and where its log is."""

    folder: Path
    table: DeltaTable
    version: int

    @property
    def identity(self) -> str:
        """The id of the table and the version."""
        return f"{self.table.metadata().id}@{self.version}"


def open_version(folder: Path, version: int | None, at: datetime | None) -> DeltaVersion:
    """The newest version, the one of that number, or the newest that was there at an instant.

    Raises NotFound for a folder, version or time without one, Unavailable for what was removed.
    """
    newest = _open(folder, None)
    if version is None and at is None:
        return DeltaVersion(folder, newest, newest.version())
    if at is not None:
        version = _version_at(newest, at)
    if version is not None and version > newest.version():
        raise NotFound(
            f"the Delta table has no version {version}.",
            hint=f"The newest is {newest.version()}.",
        )
    return DeltaVersion(folder, _open(folder, version), int(version or 0))


def read_version(
    opened: DeltaVersion,
    columns: Sequence[str],
    progress: Progress | None = None,
    most_rows: int | None = None,
) -> ArrowRows:
    """The rows of a version, all columns or some. Raises Invalid beyond a limit, Unavailable."""
    total = _check_files(opened)
    names = _chosen(opened, columns)
    if total * len(names) * WIDTH > MAX_TABLE and most_rows is None:
        raise _too_large(f"{total:,} rows of {len(names):,} columns")
    batches, rows, size = [], 0, 0
    try:
        for batch in pa.RecordBatchReader.from_stream(opened.table.scan(columns=names)):
            plain = _plain(pa.Table.from_batches([batch]), MAX_TABLE - size)
            batches.append(plain)
            rows, size = rows + plain.num_rows, size + plain.nbytes
            if progress is not None:
                progress(rows / max(total, rows, 1), f"{rows:,} of {total:,} rows read")
            if most_rows is not None and rows >= most_rows:
                break
    except (OSError, pa.ArrowException) as broken:
        raise _unreadable(opened, broken) from broken
    if not batches:
        raise Invalid("the Delta table has no rows.", fields={"path": "has no rows"})
    table = _ordered(pa.concat_tables(batches).select(names))
    return ArrowRows(table, "Delta table")


def _open(folder: Path, version: int | None) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}.")
    if not (folder / "_delta_log").is_dir():
        raise Invalid(
            f"{folder} is no Delta table: it has no _delta_log.",
            hint="Give the table's own folder, or register it as a Parquet folder.",
            fields={"path": "is no Delta table"},
        )
    try:
        return DeltaTable(str(folder), version=version)
    except TableNotFoundError as missing:
        raise NotFound(f"the log of the Delta table {folder} is empty.") from missing
    except (DeltaError, OSError, ValueError) as broken:
        if version is None:
            raise Unavailable(f"the Delta table cannot be opened: {_reason(broken)}.") from broken
        raise Unavailable(
            f"version {version} of the Delta table cannot be opened: {_reason(broken)}.",
            hint="The log of old versions may have been cleaned up: choose a newer one.",
        ) from broken


def _version_at(table: DeltaTable, at: datetime) -> int:
    """The newest version that was written at or before an instant, by the commits' own times."""
    commits = [
        (entry["version"], _instant(entry["timestamp"]))
        for entry in table.history()
        if entry.get("timestamp") is not None and entry.get("version") is not None
    ]
    before = [version for version, written in commits if written <= at]
    if before:
        return int(max(before))
    if not commits:
        raise Unavailable(
            "the log of the Delta table holds no times.", hint="Choose a version by its number."
        )
    first, written = min(commits)
    which = "its first commit" if first == 0 else f"version {first}, the oldest of its log"
    raise NotFound(
        f"the Delta table did not exist at {at:%Y-%m-%d %H:%M:%S} UTC: {which} "
        f"is of {written:%Y-%m-%d %H:%M:%S} UTC.",
        hint="Choose a later time, or a version by its number.",
    )


def _instant(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _check_files(opened: DeltaVersion) -> int:
    """The number of rows that the log names; 0 where it counts none.

    Raises Unavailable when files were removed, Invalid for files outside of the table's folder.
    """
    actions = pa.table(opened.table.get_add_actions(flatten=True))
    paths = [unquote(path) for path in actions.column("path").to_pylist()]
    root = opened.folder.resolve()
    files = [root / path for path in paths]
    if not all(file.resolve().is_relative_to(root) for file in files) or "://" in "".join(paths):
        raise Invalid(
            "the Delta table refers to files outside of its own folder.",
            hint="Shallow clones and links are not read: make a copy of the table.",
            fields={"path": "refers to files elsewhere"},
        )
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise Unavailable(
            f"{len(missing):,} of {len(files):,} files of version {opened.version} of the Delta "
            "table are not there any more.",
            hint="They were removed, for instance by VACUUM: choose a newer version.",
        )
    if "num_records" not in actions.column_names:
        return 0
    return pc.sum(actions.column("num_records")).as_py() or 0


def _chosen(opened: DeltaVersion, columns: Sequence[str]) -> list[str]:
    names = [field.name for field in opened.table.schema().fields]
    if unknown := [name for name in columns if name not in names]:
        raise NotFound(
            f"the Delta table has no column {unknown[0]!r}.", hint=f"It has {', '.join(names)}."
        )
    chosen = list(columns) or names
    if len(chosen) > MAX_COLUMNS:
        raise Invalid(
            f"the Delta table has {len(chosen):,} columns; {MAX_COLUMNS:,} are read at most.",
            hint="Name those that are needed.",
            fields={"columns": "are too many"},
        )
    return chosen


def _plain(table: pa.Table, most_bytes: int) -> pa.Table:
    """Views and dictionaries of texts as texts, unless these would become too large."""
    for at, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not pa.types.is_string_view(kind) and kind is field.type:
            continue
        column = table.column(at)
        if _text_bytes(column) > most_bytes:
            raise _too_large(f"more than {MAX_TABLE >> 30} GB of text")
        plain = pa.string() if pa.types.is_string_view(kind) else kind
        table = table.set_column(at, field.name, column.cast(plain))
    if table.nbytes > most_bytes:
        raise _too_large(f"more than {MAX_TABLE >> 30} GB of values")
    return table


def _text_bytes(column: pa.ChunkedArray) -> int:
    """The bytes of a column of views when each row holds its own; views share their buffers."""
    if not pa.types.is_string_view(column.type):
        return 0
    plain = column.cast(pa.large_string())
    return pc.sum(pc.binary_length(plain)).as_py() or 0


def _ordered(table: pa.Table) -> pa.Table:
    """The rows in the order of their columns; nested columns order nothing."""
    keys = [
        (field.name, "ascending")
        for field in table.schema
        if not pa.types.is_nested(field.type) and not pa.types.is_null(field.type)
    ]
    return table.sort_by(keys) if keys else table


def _too_large(what: str) -> Invalid:
    return Invalid(
        f"the Delta table holds {what}; a table may take {MAX_TABLE >> 30} GB at most.",
        hint="Name the columns that are needed.",
        fields={"path": "is too large"},
    )


def _unreadable(opened: DeltaVersion, broken: Exception) -> Unavailable:
    return Unavailable(
        f"version {opened.version} of the Delta table cannot be read: {_reason(broken)}.",
        hint="Files may be missing or damaged, or it uses a feature that deltalake does not read.",
    )


def _reason(broken: Exception) -> str:
    return (str(broken).strip().splitlines() or [type(broken).__name__])[0].rstrip(".")
