"""Several files of CSV or of JSON lines as one, so that types are recognised over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pilothouse.data.reading.containers import COMPRESSIONS, Content, kind_of, unpack
from pilothouse.data.reading_options import MAX_CELL, MAX_UNPACKED
from pilothouse.kit.errors import Invalid

BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how text of two bytes a character begins


@dataclass(frozen=True)
class TextPart:
    """A file, and the name by which people know it."""

    path: Path
    name: str


@dataclass
class _Joined:
    """What the parts have in common so far."""

    file: IO[bytes]
    kind: str = ""
    first: str = ""
    header: bytes = b""
    size: int = 0


def join_parts(parts: Sequence[TextPart], target: Path, scratch: Path) -> str:
    """Write the rows of all parts into one file, in their order; "csv" or "json", what they are.

    Every CSV file must have the same first line, which is kept once. Empty files are left out.
    Raises Invalid that names the file that does not fit.
    """
    with target.open("wb") as file:
        joined = _Joined(file)
        for part in parts:
            content = _unpacked(part, scratch)
            if content.head(1):
                _append(joined, content, part.name)
        if not joined.kind:
            raise Invalid("the files are empty.", fields={"source": "has no rows"})
    return joined.kind


def _unpacked(part: TextPart, scratch: Path) -> Content:
    content = Content(part.path, part.name)
    if not content.head(1):
        return content
    kind = kind_of(content)
    if kind in (*COMPRESSIONS.values(), "zip"):
        return unpack(content, kind, scratch, MAX_UNPACKED)
    return content


def _append(joined: _Joined, content: Content, name: str) -> None:
    kind = _kind(content, name)
    if joined.kind and kind != joined.kind:
        raise Invalid(
            f"the files do not go together: {joined.first} is {_title(joined.kind)}, {name} is "
            f"{_title(kind)}.",
            hint="Say which to read by a pattern, such as *.csv.",
            fields={"params.match": "is needed"},
        )
    with content.opened() as rows:
        line = rows.readline(MAX_CELL).removeprefix(BOM)
        if not joined.kind:
            joined.kind, joined.first, joined.header = kind, name, line.strip()
            _write(joined, line)
        elif kind == "json":
            _write(joined, line)
        elif line.strip() != joined.header:
            raise Invalid(
                f"the files do not go together: the first line of {name} is not that of "
                f"{joined.first}.",
                hint="Each CSV file needs the same columns in the same order, and their names.",
                fields={"source": "has several headers"},
            )
        if kind == "csv" and line.count(b'"') % 2:
            raise Invalid(f"{name}: the name of a column holds a line break.")
        last = line
        while chunk := rows.read(1 << 20):
            _write(joined, chunk)
            last = chunk
        if not last.endswith(b"\n"):
            joined.file.write(b"\n")


def _kind(content: Content, name: str) -> str:
    kind = kind_of(content)
    head = content.head().removeprefix(BOM)
    if kind not in ("csv", "json") or head.startswith(WIDE):
        what = "text of two bytes a character" if head.startswith(WIDE) else kind
        raise Invalid(
            f"{name} is {what}; several files are read together when they are CSV or JSON lines "
            "in UTF-8.",
            hint="Give the one file, or a pattern such as *.csv.",
            fields={"source": "holds several formats"},
        )
    if kind == "json" and head.lstrip().startswith(b"["):
        raise Invalid(
            f"{name} is a list of objects, which is only read by itself.",
            hint="Write one object on each line (JSON lines).",
            fields={"source": "is a list"},
        )
    return kind


def _write(joined: _Joined, chunk: bytes) -> None:
    joined.size += len(chunk)
    if joined.size > MAX_UNPACKED:
        raise Invalid(
            f"the files hold more than {MAX_UNPACKED >> 30} GB.", fields={"source": "is too large"}
        )
    joined.file.write(chunk)


def _title(kind: str) -> str:
    return {"csv": "CSV", "json": "JSON lines"}.get(kind, kind)
