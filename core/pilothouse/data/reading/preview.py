"""The first rows of a file as they would be read, in bounded time and memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.data.reading.containers import Content, kind_of
from pilothouse.data.reading_options import AUTOMATIC, ReadOptions
from pilothouse.data.reading_report import ReadingReport
from pilothouse.data.schema import Type
from pilothouse.kit.errors import Invalid, NotFound

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.data.reading.arrow_rows import ArrowRows

ROWS = 200
HEAD = 1 << 20  # bytes of a text or compressed file that a preview reads
WHOLE = ("parquet", "xlsx")  # these are read by their directory, which is at their end


@dataclass(frozen=True, eq=False)
class Preview:
    """The first rows of a file, how they were read, and what is open.

    `problems` maps a column to what its values leave open, such as the order of its dates: it is
    text here, and registering asks for an option or a type.
    """

    report: ReadingReport
    frame: pd.DataFrame
    whole: bool
    problems: Mapping[str, str] = field(default_factory=dict)


def preview(
    source: str | Path | bytes,
    filename: str = "",
    types: Mapping[str, Type] | None = None,
    options: ReadOptions = AUTOMATIC,
) -> Preview:
    """The first rows of a file or an upload. Raises NotFound, Invalid, Unavailable."""
    from pilothouse.data.reading.reader import read_content

    content = _beginning(source, filename)
    problems: dict[str, str] = {}

    def note(column: str, problem: Invalid) -> None:
        problems[column] = str(problem)

    with tempfile.TemporaryDirectory() as scratch:
        reading = read_content(content, types or {}, options, Path(scratch), note, ROWS)
    frame: pd.DataFrame = reading.table.slice(0, ROWS).to_pandas()
    return Preview(reading.report, frame, content.whole and len(frame) < ROWS, problems)


def preview_rows(rows: pd.DataFrame | ArrowRows, most: int) -> Preview:
    """The first of rows that were read already. Raises Invalid for types that are no table's."""
    from pilothouse.data.reading.reader import read

    reading = read(rows)
    frame: pd.DataFrame = reading.table.slice(0, most).to_pandas()
    return Preview(reading.report, frame, False)


def _beginning(source: str | Path | bytes, filename: str) -> Content:
    """The part of a file that a preview reads."""
    if isinstance(source, bytes):
        content, size = Content(source, filename), len(source)
    else:
        path = Path(source)
        if not path.is_file():
            raise NotFound(f"there is no file {path}.")
        content, size = Content(path, filename or path.name), path.stat().st_size
    if size <= HEAD or kind_of(content) in WHOLE:
        return Content(content.data, content.name, whole=size <= HEAD)
    if kind_of(content) == "zip":
        return Content(content.data, content.name, whole=False)
    return Content(content.head(HEAD), content.name, whole=False)
