"""Tables of the database as Parquet files and back, exact to the bit.

Instants are timestamps in UTC, JSON is the text that the database has, missing stays missing. Rows
are in the order in which SQLite got them, which it answers by where a query names none, and in
that of their keys from PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, collate, literal_column, select, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session

from pilothouse.interop.archives.archive_contents import (
    BLANKED,
    BOOLEAN,
    BYTES,
    INTEGER,
    JSON,
    NUMBER,
    TEXT,
    TIME,
    kind_of,
)
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Column, ColumnElement
    from sqlalchemy import Table as SqlTable

ROWS_AT_ONCE = 2_000
MAX_GROUP_BYTES = 1 << 30  # of rows that are written together; larger ones are no file of ours


@dataclass(frozen=True)
class ArchivedColumn:
    """A column of an archived table, and what its values are."""

    name: str
    kind: str


def columns_of(table: SqlTable) -> tuple[ArchivedColumn, ...]:
    """The columns of a table."""
    return tuple(ArchivedColumn(column.name, kind_of(column)) for column in table.columns)


def write_table(session: Session, table: SqlTable, path: Path) -> int:
    """Write the rows of a table, without what is secret; how many there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = columns_of(table)
    schema = _schema(columns)
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=False) as writer:
        for rows in _rows(session, table, columns):
            arrays = [
                pa.array(_written(table.name, column, values), field.type)
                for column, field, values in zip(
                    columns, schema, zip(*rows, strict=True), strict=True
                )
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def read_table(
    path: Path, columns: Sequence[ArchivedColumn], rows: int
) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table as the database takes them, a part at a time.

    Raises Invalid when the file has not exactly these columns and as many rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check(file, columns, rows)
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                parts = [_read(batch.column(i), c) for i, c in enumerate(columns)]
                names = [column.name for column in columns]
                yield [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]
    except (pa.ArrowException, OSError) as broken:
        raise Invalid(f"the table {path.stem} of the archive cannot be read: {broken}.") from broken


def _check(file: Any, columns: Sequence[ArchivedColumn], rows: int) -> None:
    """Raise Invalid unless a file is what the manifest says, in parts that memory can hold."""
    expected = _schema(columns)
    own = file.schema_arrow
    if own.names != expected.names or own.types != expected.types:
        raise Invalid("a table of the archive has other columns than its manifest says.")
    count = file.metadata.num_rows
    if count != rows:
        raise Invalid(f"a table of the archive has {count:,} rows, its manifest says {rows:,}.")
    groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
    if any(group.total_byte_size > MAX_GROUP_BYTES for group in groups):
        raise Invalid("a table of the archive has rows that are too large to be read.")


def _schema(columns: Sequence[ArchivedColumn]) -> pa.Schema:
    import pyarrow as pa

    types = {
        TEXT: pa.string(),
        JSON: pa.string(),
        INTEGER: pa.int64(),
        NUMBER: pa.float64(),
        BOOLEAN: pa.bool_(),
        BYTES: pa.binary(),
        TIME: pa.timestamp("us", tz="UTC"),
    }
    return pa.schema([pa.field(column.name, types[column.kind]) for column in columns])


def _rows(
    session: Session, table: SqlTable, columns: Sequence[ArchivedColumn]
) -> Iterator[Sequence[Any]]:
    """The rows as the database has them."""
    is_sqlite = session.connection().dialect.name == "sqlite"
    chosen = [_plain(table.columns[column.name], column.kind, is_sqlite) for column in columns]
    order = [_ordered(key, is_sqlite) for key in table.primary_key.columns]
    if is_sqlite and table.dialect_options["sqlite"]["with_rowid"]:
        order = [literal_column("rowid")]
    query = select(*chosen).order_by(*order).execution_options(yield_per=ROWS_AT_ONCE)
    yield from session.connection().execute(query).partitions()


def _plain(column: Column[Any], kind: str, is_sqlite: bool) -> ColumnElement[Any]:
    """A column without a conversion on the way, JSON as the text that it was written as."""
    if kind == JSON and not is_sqlite:
        return cast(column, Text).label(column.name)
    return type_coerce(column, NullType()).label(column.name)


def _ordered(column: Column[Any], is_sqlite: bool) -> ColumnElement[Any]:
    """The order of bytes, which a language of the database does not change."""
    if kind_of(column) == TEXT and not is_sqlite:
        return collate(column, "C")
    return column


def _written(table: str, column: ArchivedColumn, values: Sequence[Any]) -> list[Any]:
    """The values of a column as Parquet takes them."""
    if (table, column.name) in BLANKED:
        blank = BLANKED[table, column.name]
        return [None if value is None else blank(value) for value in values]
    if column.kind == BOOLEAN:
        return [None if value is None else bool(value) for value in values]
    if column.kind == JSON:  # SQLite keeps a JSON number as a number
        return [
            value if value is None or isinstance(value, str) else json.dumps(value)
            for value in values
        ]
    return list(values)


def _read(array: Any, column: ArchivedColumn) -> list[Any]:
    import pyarrow as pa

    if column.kind == TIME:
        array = array.cast(pa.int64())
    values: list[Any] = array.to_pylist()
    return values
