"""Excel workbooks in: the cells of one sheet, with openpyxl, which the extra `excel` installs."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time
from itertools import islice
from typing import TYPE_CHECKING, Any

from pilothouse.data.canonical import check_names
from pilothouse.data.reading.containers import Content
from pilothouse.data.reading_options import MAX_COLUMNS
from pilothouse.kit.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

MAX_PART = 1 << 30  # bytes of one part of a workbook when unpacked
MAX_PREVIEWED_PART = 1 << 26
ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")


def read_excel(
    content: Content, sheet: str | None, most_rows: int | None = None
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """The values of each column of a sheet, and notes about the workbook.

    Raises Unavailable when openpyxl is not installed; Invalid for a workbook that is damaged, too
    large, or without such a sheet.
    """
    try:
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as missing:
        raise Unavailable(
            "Excel files need the package openpyxl, which is not installed here.",
            hint='Install it with `pip install "pilothouse[excel]"`, or save the sheet as CSV.',
        ) from missing

    _check_parts(content, MAX_PART if most_rows is None else MAX_PREVIEWED_PART)

    with content.opened() as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            worksheet, notes = _sheet(book, sheet)
            rows = _rows(worksheet, most_rows)
        except (InvalidFileException, KeyError, ValueError, zipfile.BadZipFile, OSError) as broken:
            if isinstance(broken, Invalid):
                raise
            raise Invalid(
                f"the workbook is damaged: {broken}.", fields={"source": "is damaged"}
            ) from broken
    return rows, notes


def _check_parts(content: Content, limit: int) -> None:
    """Refuse a workbook whose parts would unpack to more than can be read."""
    try:
        with content.opened() as file, zipfile.ZipFile(file) as archive:
            largest = max(archive.infolist(), key=lambda part: part.file_size)
    except (zipfile.BadZipFile, ValueError) as broken:
        raise Invalid(
            f"the workbook is damaged: {broken}.", fields={"source": "is damaged"}
        ) from broken
    if largest.file_size > limit:
        raise Invalid(
            f"{largest.filename} in the workbook unpacks to {largest.file_size >> 20:,} MB; "
            f"{limit >> 20:,} MB are read at most.",
            hint="Save the sheet as CSV.",
            fields={"source": "unpacks to too much"},
        )


def _sheet(book: Any, name: str | None) -> tuple[ReadOnlyWorksheet, tuple[str, ...]]:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if not sheets:
        raise Invalid("the workbook has no sheet.", fields={"source": "has no sheet"})
    if name is not None and name not in sheets:
        raise Invalid(
            f"the workbook has no sheet {name!r}.",
            hint=f"It has {', '.join(map(repr, sheets))}.",
            fields={"sheet": "no such sheet"},
        )

    chosen = name or next(iter(sheets))
    others = [title for title in sheets if title != chosen]
    note = f"the sheet {chosen!r} was read; others are {', '.join(map(repr, others[:5]))}"
    return sheets[chosen], ((note,) if others and name is None else ())


def _rows(sheet: ReadOnlyWorksheet, most_rows: int | None) -> dict[str, list[Any]]:
    """The columns below the first row that has any value; empty rows and columns are left out."""
    sheet.reset_dimensions()
    rows = (row for row in sheet.iter_rows(values_only=True) if any(v is not None for v in row))

    header = list(next(rows, ()))
    while header and header[-1] is None:
        header.pop()
    if not header:
        raise Invalid("the sheet is empty.", fields={"source": "is empty"})
    if len(header) > MAX_COLUMNS:
        raise Invalid(
            f"row 1 names {len(header):,} columns; {MAX_COLUMNS:,} are read at most.",
            fields={"source": "has too many columns"},
        )

    index_first = header[0] is None and len(header) > 1
    names = check_names(
        ["Unnamed: 0" if at == 0 and index_first else _name(cell) for at, cell in enumerate(header)]
    )

    columns: list[list[Any]] = [[] for _ in names]
    for number, row in enumerate(islice(rows, most_rows), start=1):
        if any(value is not None for value in row[len(names) :]):
            raise Invalid(
                f"row {number} has a value to the right of the last column, {names[-1]!r}.",
                hint="Give that column a name in the first row, or empty the cell.",
                fields={names[-1]: f"row {number} goes on after it"},
            )
        for at, values in enumerate(columns):
            values.append(_value(row[at] if at < len(row) else None))

    if not columns[0]:
        raise Invalid(
            "the sheet has a header but no rows below it.", fields={"source": "has no rows"}
        )
    return dict(zip(names, columns, strict=True))


def _name(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _value(cell: Any) -> Any:
    """A cell's value; errors of formulas and blanks are missing, times of day are texts."""
    if isinstance(cell, str):
        return None if not cell.strip() or cell in ERRORS else cell
    if isinstance(cell, time):
        return cell.isoformat()
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return datetime(cell.year, cell.month, cell.day)
    return cell
