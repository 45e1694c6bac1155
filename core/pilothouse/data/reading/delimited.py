"""CSV in: the delimiter is recognised, and every cell is read as text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pa_csv

from pilothouse.data.canonical import check_names
from pilothouse.data.reading.containers import Content
from pilothouse.data.reading_options import MAX_CELL, MAX_COLUMNS, MAX_HEADER, MAX_NAME, SEPARATORS
from pilothouse.kit.errors import Invalid

BLOCK = MAX_CELL
SNIFFED = 20
INDEX_NAMES = ("", "Unnamed: 0")
INTEGER = r"^\d+$"


@dataclass(frozen=True)
class CsvTexts:
    """The cells of a CSV file as texts, its separator, and notes about how it was read."""

    texts: pa.Table
    separator: str
    notes: tuple[str, ...] = ()


def read_csv(
    content: Content, separator: str | None = None, most_rows: int | None = None
) -> CsvTexts:
    """The cells of a CSV file in UTF-8, of its first rows when these are limited.

    Raises Invalid that names the row and column at fault.
    """
    csv.field_size_limit(MAX_CELL)
    delimiter, header, skipped = _start(content, separator)
    _check_header(header)

    notes = []
    unnamed = [at for at, name in enumerate(header) if not name.strip()]
    names = ["Unnamed: 0" if at == 0 and unnamed == [0] else name for at, name in enumerate(header)]
    names = check_names(names)

    try:
        texts = (
            _texts(content, delimiter, header, skipped)
            if most_rows is None
            else _first_texts(content, delimiter, names, skipped, most_rows)
        )
    except pa.ArrowInvalid as broken:
        raise _fault(content, delimiter, names, skipped, str(broken)) from broken

    if not texts.num_rows:
        raise _no_rows()
    texts = texts.rename_columns(names)

    # A first column that only counts rows is pandas' index, also when it has no name.
    if header[0].strip() in INDEX_NAMES and len(header) > 1:
        if not counts_rows(texts[names[0]]):
            if not header[0].strip():
                check_names(header)
        else:
            texts = texts.drop_columns([names[0]])
            notes.append("the first column only counts the rows (pandas' index); it was left out")

    return CsvTexts(texts, delimiter, tuple(notes))


def counts_rows(column: pa.ChunkedArray) -> bool:
    """Whether a column is 0, 1, 2 and so on, as pandas' own index is."""
    rows = pa.chunked_array([pa.array(range(len(column)), pa.int64()).cast(pa.string())])
    return bool(column.cast(pa.string()).equals(rows))


def _check_header(header: list[str]) -> None:
    if len(header) > MAX_COLUMNS:
        raise Invalid(
            f"row 0 (the header) names {len(header):,} columns; {MAX_COLUMNS:,} are read at most.",
            hint="Register fewer columns, or turn columns into rows.",
            fields={"source": "has too many columns"},
        )
    for at, name in enumerate(header, start=1):
        if len(name) > MAX_NAME:
            raise Invalid(
                f"row 0 (the header) cannot be read: the name of column {at} has {len(name):,} "
                f"characters; {MAX_NAME:,} are read at most.",
                fields={"source": "is not a CSV file"},
            )


def _start(content: Content, separator: str | None) -> tuple[str, list[str], int]:
    """The delimiter, the header, and the lines before it. Raises Invalid for nothing at all."""
    head = content.head(MAX_HEADER)
    if not head.strip():
        raise Invalid("the file is empty.", fields={"source": "is empty"})

    text = head.decode("utf-8", errors="replace")
    skipped = 0
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        separator = separator or first.strip()[4]
        text, skipped = rest, 1

    delimiter = separator or _sniff(text, cut=len(head) == MAX_HEADER)
    try:
        header = next((row for row in _rows(text, delimiter) if row), None)
    except csv.Error as broken:
        raise Invalid(
            f"row 0 (the header) cannot be read: {broken}.", fields={"source": "is not a CSV file"}
        ) from broken

    if header is None:
        raise Invalid("the file is empty.", fields={"source": "is empty"})
    return delimiter, header, skipped


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a text, whichever of the three line ends it has."""
    return csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)


def _sniff(text: str, *, cut: bool) -> str:
    """The delimiter that cuts most of the first rows into as many pieces as the header."""

    def merit(delimiter: str) -> tuple[float, int]:
        rows = _rows(text, delimiter)
        widths = [len(row) for row, _ in zip(rows, range(SNIFFED + 1), strict=False) if row]
        if cut and len(widths) <= SNIFFED:
            widths = widths[: max(len(widths) - 1, 1)]  # the last row may not be whole
        if not widths or widths[0] == 1:
            return (0.0, 0)
        return (Counter(widths)[widths[0]] / len(widths), widths[0])

    try:
        return max(SEPARATORS, key=merit)
    except csv.Error:
        return ","


def _texts(content: Content, delimiter: str, header: list[str], skipped: int) -> pa.Table:
    with content.opened() as file:
        return pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=BLOCK, skip_rows=skipped),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )


def _first_texts(
    content: Content, delimiter: str, names: list[str], skipped: int, most_rows: int
) -> pa.Table:
    """The first rows; a row that is too long or too short is left for the whole reading to name."""
    text = content.head(MAX_HEADER).decode("utf-8", errors="replace")
    for _ in range(skipped):
        text = text.partition("\n")[2]

    rows: list[list[str]] = []
    try:
        for row in _rows(text, delimiter):
            if row:
                rows.append(row)
            if len(rows) > most_rows + 1:
                break
    except csv.Error:
        pass  # a cell that the beginning cuts

    if len(rows) <= most_rows + 1 and not content.whole and len(rows) > 2:
        rows.pop()  # the last row may not be whole

    body = [(row + [""] * len(names))[: len(names)] for row in rows[1 : most_rows + 1]]
    columns = [pa.array([row[at] for row in body], pa.string()) for at in range(len(names))]
    return pa.Table.from_arrays(columns, names=names).rename_columns(names)


def _fault(
    content: Content, delimiter: str, names: list[str], skipped: int, message: str
) -> Invalid:
    """The first row that is too long, too short, or not UTF-8; slow, for it reads cell by cell."""

    number = 0
    with content.opened() as file:
        lines = io.TextIOWrapper(file, encoding="latin-1", newline="")
        for _ in range(skipped):
            lines.readline()
        rows = csv.reader(lines, delimiter=delimiter)
        try:
            for number, row in enumerate(row for row in rows if row):
                fault = _row_fault(number, rows.line_num + skipped, row, names)
                if fault:
                    return fault
        except csv.Error as broken:
            message = f"line {rows.line_num + skipped}: {broken}"

    if number == 0:
        return _no_rows()
    if "straddling" in message:
        message = f"a row is longer than {MAX_CELL >> 20} MB"
    return Invalid(f"the file is not CSV: {message}.", fields={"source": "is not a CSV file"})


def _no_rows() -> Invalid:
    return Invalid("the file has a header but no rows below it.", fields={"source": "has no rows"})


def _row_fault(number: int, line: int, row: list[str], names: list[str]) -> Invalid | None:
    where = f"row {number} (line {line})"
    for name, cell in zip(names, row, strict=False):
        raw = cell.encode("latin-1")
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as bad:
            return Invalid(
                f"{where}, column {name!r}: byte 0x{raw[bad.start]:02X} is not UTF-8, which most "
                f"of the file is; in Windows-1252 the value would be "
                f"{raw.decode('cp1252', errors='replace')!r}.",
                hint="Save the file in UTF-8, or name its encoding.",
                fields={name: f"row {number} is not UTF-8"},
            )

    if len(row) == len(names):
        return None

    short = len(row) < len(names)
    name = names[len(row)] if short else names[-1]
    how = "ends before it" if short else "goes on after it"
    return Invalid(
        f"{where}, column {name!r}: the row {how}, "
        f"with {len(row)} values where the header names {len(names)}.",
        hint="Look for a missing quote or a delimiter inside a value.",
        fields={name: f"row {number} has {len(row)} values instead of {len(names)}"},
    )
