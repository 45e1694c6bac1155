"""CSV in: the delimiter is found, every cell is read as text, then each column gets its type."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pa_csv

from pilothouse.data.canonical import checked_names
from pilothouse.data.inference import typed
from pilothouse.data.schema import Type
from pilothouse.kit.errors import Invalid

DELIMITERS = (",", ";", "\t", "|")
MISSING = (
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "None",
    "n/a",
    "nan",
    "null",
)  # the words that pandas takes for missing
HEAD = 1 << 20
BLOCK = 1 << 24
SNIFFED = 20
UNREADABLE = "\ufffd"


def read_csv(source: Path | bytes, types: Mapping[str, Type]) -> pa.Table:
    """The typed columns of a CSV file or upload in UTF-8.

    Raises Invalid that names the row and the column at fault.
    """
    delimiter, header = _start(source)
    names = checked_names(header)
    if any(UNREADABLE in name for name in names):
        raise _fault(source, delimiter, names, "its header is not UTF-8")
    try:
        texts = _texts(source, delimiter, header)
    except pa.ArrowInvalid as broken:
        raise _fault(source, delimiter, names, str(broken)) from broken
    if not texts.num_rows:
        raise _no_rows()
    return typed(texts.rename_columns(names), types)


def _start(source: Path | bytes) -> tuple[str, list[str]]:
    """The delimiter and the header. Raises Invalid for what is no text, or nothing at all."""
    with _opened(source) as file:
        head = file.read(HEAD)
    if not head.strip():
        raise Invalid("the file is empty.", fields={"source": "is empty"})
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
        raise Invalid(
            "row 0 (the header), column 1: the file is UTF-16 or no text at all.",
            hint="Save it as CSV in UTF-8.",
            fields={"source": "is not UTF-8"},
        )
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace")
    delimiter = _sniff(text)
    try:
        header = next((row for row in _rows(text, delimiter) if row), None)
    except csv.Error as broken:
        raise Invalid(
            f"row 0 (the header) cannot be read: {broken}.", fields={"source": "is no CSV"}
        ) from broken
    if header is None:
        raise Invalid("the file is empty.", fields={"source": "is empty"})
    return delimiter, header


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a text, whichever of the three line ends it has."""
    return csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)


def _sniff(text: str) -> str:
    """The delimiter that cuts most of the first rows into as many pieces as the header."""

    def merit(delimiter: str) -> tuple[float, int]:
        rows = _rows(text, delimiter)
        widths = [len(row) for row, _ in zip(rows, range(SNIFFED), strict=False) if row]
        if not widths or widths[0] == 1:
            return (0.0, 0)
        return (Counter(widths)[widths[0]] / len(widths), widths[0])

    try:
        return max(DELIMITERS, key=merit)
    except csv.Error:
        return ","


def _texts(source: Path | bytes, delimiter: str, header: list[str]) -> pa.Table:
    with _opened(source) as file:
        return pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=BLOCK),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                null_values=MISSING,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def _fault(source: Path | bytes, delimiter: str, names: list[str], words: str) -> Invalid:
    """The first row that is too long, too short, or not UTF-8; cell by cell, as speed is gone."""
    number = 0
    with _opened(source) as file:
        lines = io.TextIOWrapper(file, encoding="latin-1", newline="")
        rows = csv.reader(lines, delimiter=delimiter)
        try:
            for number, row in enumerate(row for row in rows if row):
                found = _row_fault(number, rows.line_num, row, names)
                if found:
                    return found
        except csv.Error as broken:
            words = f"line {rows.line_num}: {broken}"
    if number == 0:
        return _no_rows()
    return Invalid(f"the file is no CSV: {words}", fields={"source": "is no CSV"})


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
                f"{where}, column {name!r}: byte 0x{raw[bad.start]:02X} is not UTF-8; "
                f"in Windows-1252 the value would be {raw.decode('cp1252', errors='replace')!r}.",
                hint="Save the file in UTF-8.",
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


@contextmanager
def _opened(source: Path | bytes) -> Iterator[IO[bytes]]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        yield file
