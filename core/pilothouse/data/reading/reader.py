"""Content in, whatever it comes as: a file, an upload's bytes, or a frame."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pilothouse.data.booleans import BooleanWords, read_booleans
from pilothouse.data.canonical import canonical
from pilothouse.data.reading.arrow_rows import ArrowRows
from pilothouse.data.reading.containers import COMPRESSIONS, Content, kind_of, unpack
from pilothouse.data.reading.delimited import counts_rows, read_csv
from pilothouse.data.reading.encodings import as_utf8
from pilothouse.data.reading.excel import read_excel
from pilothouse.data.reading.frames import from_frame, from_frame_with_index
from pilothouse.data.reading.json_records import read_json
from pilothouse.data.reading.parquet import read_parquet
from pilothouse.data.reading_options import AUTOMATIC, MAX_CELL, MAX_UNPACKED, ReadOptions
from pilothouse.data.reading_report import ReadingReport
from pilothouse.data.schema import TYPES, Type
from pilothouse.data.type_inference.event_time import recognise_event_time
from pilothouse.data.type_inference.inference import STRAYS, OnProblem, convert_types, infer_types
from pilothouse.data.type_inference.stored_types import infer_stored_types
from pilothouse.data.type_inference.text_column import MISSING, TYPED_MISSING, TypedTable
from pilothouse.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

ROW_GROUP = 1 << 17
PACKED = (*COMPRESSIONS.values(), "zip")
PREVIEW_BYTES = 1 << 20
MISSING_WORDS = frozenset((*MISSING, *TYPED_MISSING))
__all__ = ["ReadTable", "from_frame", "read", "read_content", "read_table", "write_parquet"]


@dataclass(frozen=True)
class ReadTable:
    """A canonical table, the spellings of its boolean columns, and how it was read."""

    table: pa.Table
    boolean_words: Mapping[str, BooleanWords]
    report: ReadingReport


def read(
    source: str | Path | bytes | pd.DataFrame | ArrowRows,
    filename: str = "",
    types: Mapping[str, Type] | None = None,
    options: ReadOptions = AUTOMATIC,
    on_problem: OnProblem | None = None,
) -> ReadTable:
    """The canonical table of a file, an upload's bytes, a frame or a table, and how it was read.

    With `on_problem`, that is called for a column of a CSV file whose values do not fit one type,
    and the column stays text. Raises NotFound when there is no such file; Invalid, naming row and
    column, when it cannot be read; Unavailable when a package for its format is missing.
    """
    types = types or {}
    _check(types)
    if isinstance(source, ArrowRows):
        return _stored(source.table, source.notes, types, options, source.format)
    if not isinstance(source, str | Path | bytes):
        if not hasattr(source, "iloc"):
            kind = type(source).__name__
            raise Invalid(f"a dataset is made of a file, its bytes or a frame, not of {kind}.")
        return _stored(*from_frame_with_index(source), types, options, "frame")
    data = source if isinstance(source, bytes) else _existing(Path(source))
    name = filename or ("" if isinstance(source, bytes) else Path(source).name)
    with tempfile.TemporaryDirectory() as scratch:
        return read_content(Content(data, name), types, options, Path(scratch), on_problem)


def read_table(
    source: str | Path | bytes | pd.DataFrame, filename: str, types: Mapping[str, Type]
) -> pa.Table:
    """The canonical table that `read` makes, without how it was read."""
    return read(source, filename, types).table


def read_content(
    content: Content,
    types: Mapping[str, Type],
    options: ReadOptions,
    scratch: Path,
    on_problem: OnProblem | None = None,
    most_rows: int | None = None,
) -> ReadTable:
    """The canonical table of a file's content; of its first rows when these are limited."""
    kind = kind_of(content)
    if kind in PACKED:
        limit = MAX_UNPACKED if content.whole else PREVIEW_BYTES
        content = unpack(content, kind, scratch, limit)
        kind = kind_of(content)
        if kind in PACKED:
            raise Invalid(
                "the file is compressed twice.",
                hint="Unpack it once.",
                fields={"source": "is compressed twice"},
            )

    if kind == "parquet":
        table, notes = read_parquet(content, most_rows)
        return _stored(table, notes, types, options, f"{content.packed}Parquet")

    if kind == "csv" and content.name.lower().endswith((".parquet", ".pq", ".xlsx", ".xlsm")):
        what = "Parquet" if content.name.lower().endswith((".parquet", ".pq")) else "Excel"
        raise Invalid(
            f"{content.name} is not a valid {what} file.",
            fields={"source": f"is not a valid {what} file"},
        )

    if kind == "xlsx":
        values, notes = read_excel(content, options.sheet, most_rows)
        return _stored(
            *_from_values(values, notes, "cell"),
            types,
            options,
            f"{content.packed}Excel",
            texts=True,
        )

    content, encoding, note = as_utf8(content, options.encoding, scratch)
    if kind == "json":
        table, notes = _from_values(read_json(content), (note,) if note else (), "value")
        return _stored(table, notes, types, options, f"{content.packed}JSON", texts=True)
    return _delimited(content, encoding, note, types, options, on_problem, most_rows)


def _delimited(
    content: Content,
    encoding: str,
    note: str,
    types: Mapping[str, Type],
    options: ReadOptions,
    on_problem: OnProblem | None,
    most_rows: int | None,
) -> ReadTable:
    """A CSV file, whose cells are texts until they are recognised."""
    cells = read_csv(content, options.separator, most_rows)
    _check_names(types, cells.texts.column_names)
    result = infer_types(cells.texts, types, options, cells.separator, on_problem)
    report = ReadingReport(
        format=f"{content.packed}CSV",
        rows=cells.texts.num_rows,
        columns=result.columns,
        encoding=encoding,
        separator=cells.separator if cells.texts.num_columns > 1 else "",
        notes=(*((note,) if note else ()), *cells.notes),
    )
    return _read_table(result, report)


def _stored(
    table: pa.Table,
    notes: tuple[str, ...],
    types: Mapping[str, Type],
    options: ReadOptions,
    format: str,
    *,
    texts: bool = False,
) -> ReadTable:
    """A table whose columns have types of their own; with `texts` dates may be texts."""
    plain = canonical(table)
    result = infer_stored_types(
        convert_types(plain, types, options), table, types, options, dates_in_texts=texts
    )
    report = ReadingReport(format, plain.num_rows, result.columns, notes=notes)
    return _read_table(result, report)


def with_booleans(reading: ReadTable, boolean_words: Mapping[str, BooleanWords]) -> ReadTable:
    """Text columns that hold only one spelling of a dataset's boolean column, as booleans."""
    table, pairs, columns = reading.table, dict(reading.boolean_words), []

    for at, column in enumerate(reading.report.columns):
        pair = boolean_words.get(column.name)
        if pair and column.type == "string" and table.column(at).null_count < len(table):
            result = read_booleans(table.column(at), declared=True)
            if result is not None:
                table = table.set_column(at, column.name, result[0])
                pairs[column.name] = pair
                column = replace(column, type="boolean", reason="the dataset's yes/no words")
        columns.append(column)

    return replace(
        reading,
        table=table,
        boolean_words=pairs,
        report=replace(reading.report, columns=tuple(columns)),
    )


def _read_table(result: TypedTable, report: ReadingReport) -> ReadTable:
    table = canonical(result.table)
    _check_cells(table)
    return ReadTable(table, result.boolean_words, recognise_event_time(table, report))


def _check_cells(table: pa.Table) -> None:
    """Raise Invalid for a text that is too long to be shown or stored with others."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not pa.types.is_string(column.type):
            continue
        lengths = pc.binary_length(column)
        if (pc.max(lengths).as_py() or 0) > MAX_CELL:
            row = pc.index(pc.greater(lengths, MAX_CELL).fill_null(False), True).as_py() + 1
            raise Invalid(
                f"row {row}, column {name!r}: its text is longer than {MAX_CELL >> 20} MB.",
                hint="Leave the column out, or keep such texts in files of their own.",
                fields={name: f"row {row} is too long"},
            )


def _check(types: Mapping[str, Type]) -> None:
    wrong = {name: f"{kind!r} is not a type" for name, kind in types.items() if kind not in TYPES}
    if wrong:
        raise Invalid(
            f"{next(iter(wrong.values()))} of a column.",
            hint=f"Types are {', '.join(TYPES)}.",
            fields=wrong,
        )


def _check_names(types: Mapping[str, Type], names: list[str]) -> None:
    for name, kind in types.items():
        if name not in names:
            raise Invalid(
                f"there is no column {name!r} to read as {kind}.",
                hint=f"There are {', '.join(names)}.",
                fields={name: "no such column"},
            )


def write_parquet(table: pa.Table, path: Path) -> None:
    """Keep a canonical table as Parquet, the same bytes for the same table."""
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        row_group_size=ROW_GROUP,
        store_schema=False,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFound(f"there is no file {path}.")
    return path


def _from_values(
    values: Mapping[str, list[Any]], notes: tuple[str, ...], what: str
) -> tuple[pa.Table, tuple[str, ...]]:
    """A table of the values of cells, each column of one type. Raises Invalid for a mixed one."""
    names = list(values)
    columns = [_from_list(name, cells, what) for name, cells in values.items()]
    table = pa.Table.from_arrays(columns, names=names)
    if names and names[0] == "Unnamed: 0" and len(names) > 1 and counts_rows(table[names[0]]):
        table = table.drop_columns(names[:1])
        notes = (*notes, "the first column only counts the rows (pandas' index); it was left out")
    return table, notes


def _from_list(name: str, values: list[Any], what: str) -> pa.Array:
    """The values of cells as one type: numbers, booleans, instants or texts."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        kinds = {float} if float in kinds else kinds
    if len(kinds) > 1 and str in kinds:
        return _with_texts(name, values, what)
    try:
        if kinds == {float}:
            return pa.array(_exact_floats(name, values, what), pa.float64())
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as bad:
        raise _odd_value(name, values, what, str(bad).splitlines()[0]) from bad


def _exact_floats(name: str, values: list[Any], what: str) -> list[float | None]:
    """Whole numbers among fractions as floats. Raises Invalid for one that a float would change."""
    for row, value in enumerate(values, start=1):
        if isinstance(value, int) and int(float(value)) != value:
            raise Invalid(
                f"row {row}, column {name!r}: {value} has more digits than a number can hold.",
                hint="Write the column as text.",
                fields={name: f"row {row} has too many digits"},
            )
    return [None if value is None else float(value) for value in values]


def _with_texts(name: str, values: list[Any], what: str) -> pa.Array:
    """A column of texts and other values: words for missing are none of them."""
    rest = [None if value in MISSING_WORDS else value for value in values]
    if not any(isinstance(value, str) for value in rest):
        return _from_list(name, rest, what)
    texts = sum(isinstance(value, str) for value in rest)
    present = sum(value is not None for value in rest)
    if texts <= max(1, STRAYS * present) or (present - texts) <= max(1, STRAYS * present):
        if texts > present - texts:
            return pa.array([None if v is None else str(v) for v in rest], pa.string())
        raise _odd_value(name, rest, what, "")
    return pa.array([None if value is None else str(value) for value in rest], pa.string())


def _odd_value(name: str, values: list[Any], what: str, reason: str) -> Invalid:
    """What the first value is that differs from most of its column."""
    kinds = Counter(type(value).__name__ for value in values if value is not None)
    usual = kinds.most_common(1)[0][0]

    row = next(
        (at for at, v in enumerate(values, start=1) if v is not None and type(v).__name__ != usual),
        1,
    )
    message = f"{values[row - 1]!r:.60} is {type(values[row - 1]).__name__}, not {usual}"
    if len(kinds) == 1:
        message = reason

    return Invalid(
        f"row {row}, column {name!r}: {message}.",
        hint=f"Make every {what} of the column one type. Rows count from 1 below the header.",
        fields={name: f"row {row}: {message}"},
    )
