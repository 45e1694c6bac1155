"""Parquet in, within bounds: a small file can hold a table that fits no memory."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pilothouse.data.reading.containers import Content
from pilothouse.data.reading_options import MAX_COLUMNS, MAX_TABLE
from pilothouse.kit.errors import Invalid

MAX_FOOTER = 1 << 26  # bytes of the description of all columns and row groups
MAX_PREVIEWED_CHUNK = 1 << 26
INDEX = re.compile(r"__index_level_\d+__")
WIDTH = 8


def read_parquet(
    content: Content, most_rows: int | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """The columns of a Parquet file, and notes about its index.

    Raises Invalid for a damaged file, and for one whose table would be too large.
    """
    try:
        with content.opened() as file:
            _check_footer(file)
            described = pq.ParquetFile(file)
            _check_size(described.metadata)
            texts = [f.name for f in described.schema_arrow if pa.types.is_string(f.type)]
            table = _read(pq.ParquetFile(file, read_dictionary=texts), most_rows)
    except (pa.ArrowInvalid, OSError, pa.ArrowNotImplementedError) as broken:
        raise Invalid(
            f"the Parquet file is damaged: {str(broken).splitlines()[0]}",
            fields={"source": "is damaged"},
        ) from broken
    except (pa.ArrowMemoryError, MemoryError) as broken:
        raise _too_large("more memory than there is") from broken
    return _without_index(table)


def _check_footer(file: Any) -> None:
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    file.seek(0)
    if MAX_FOOTER < length < size:
        raise _too_large(f"a description of {length >> 20:,} MB")


def _check_size(metadata: pq.FileMetaData) -> None:
    if metadata.num_columns > MAX_COLUMNS:
        raise Invalid(
            f"the Parquet file has {metadata.num_columns:,} columns; {MAX_COLUMNS:,} are read at "
            "most.",
            fields={"source": "has too many columns"},
        )
    size = metadata.num_rows * metadata.num_columns * WIDTH
    if size > MAX_TABLE:
        raise _too_large(f"{metadata.num_rows:,} rows of {metadata.num_columns:,} columns")


def _too_large(what: str) -> Invalid:
    return Invalid(
        f"the Parquet file holds {what}; its table may take {MAX_TABLE >> 30} GB at most.",
        hint="Register fewer rows or columns.",
        fields={"source": "is too large"},
    )


def _read(parquet: pq.ParquetFile, most_rows: int | None) -> pa.Table:
    """The row groups one by one, counted as they grow; or the first rows, for a preview."""
    if most_rows is None:
        tables, size = [], 0
        for group in range(parquet.num_row_groups):
            table = _expanded(parquet.read_row_group(group), size)
            size += table.nbytes
            tables.append(table)
        return pa.concat_tables(tables) if tables else parquet.schema_arrow.empty_table()

    metadata = parquet.metadata
    if metadata.num_row_groups:
        first = metadata.row_group(0)
        for at in range(metadata.num_columns):
            if first.column(at).total_uncompressed_size > MAX_PREVIEWED_CHUNK:
                raise Invalid(
                    f"the column {first.column(at).path_in_schema!r} is too large to be previewed; "
                    "it can still be registered."
                )

    batch = next(parquet.iter_batches(batch_size=most_rows), None)
    if batch is None:
        return parquet.schema_arrow.empty_table()
    return _expanded(pa.Table.from_batches([batch]), 0)


def _expanded(table: pa.Table, size: int) -> pa.Table:
    """Dictionaries of texts as texts, unless these would become too large."""
    for at, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        column = table.column(at)
        size += sum(_text_size(chunk) for chunk in column.chunks)
        if size > MAX_TABLE:
            raise _too_large(f"more than {MAX_TABLE >> 30} GB of text")
        table = table.set_column(at, field.name, column.cast(field.type.value_type))
    if size + table.nbytes > MAX_TABLE:
        raise _too_large(f"more than {MAX_TABLE >> 30} GB of values")
    return table


def _text_size(chunk: pa.DictionaryArray) -> int:
    """The bytes that a dictionary's texts have when each row holds its own."""
    kind = chunk.dictionary.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return len(chunk) * WIDTH
    lengths = pc.binary_length(chunk.dictionary).cast(pa.int64())
    return pc.sum(lengths.take(chunk.indices)).as_py() or 0


def _without_index(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """The table without pandas' index of whole numbers; another one becomes a column."""
    notes = []
    for name in [name for name in table.column_names if INDEX.fullmatch(name)]:
        at = table.column_names.index(name)
        if pa.types.is_integer(table.column(at).type):
            table = table.remove_column(at)
            notes.append("pandas' index of whole numbers was left out")
            continue
        taken = set(table.column_names)
        new = next(n for n in ("index", *(f"index_{i}" for i in range(99))) if n not in taken)
        table = table.rename_columns([new if n == name else n for n in table.column_names])
        notes.append(f"pandas' index was kept as the column {new!r}")
    return table, tuple(notes)
