"""Files of JSON lines: a mapping a line, read without a limit on the file but one on a line."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import Any

from pilothouse.interop.importing.file_end import FileEnd

MAX_LINE = 16 << 20


def lines(chunks: Iterable[bytes]) -> Generator[dict[str, Any] | None, None, FileEnd]:
    """The mapping of each line, None for a line that is none.

    A last line without an end that cannot be read is one that was cut off.
    """
    count, rest = 0, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield _mapping(line)
                count += 1
        if len(rest) > MAX_LINE:
            return FileEnd(count, problem=f"it is longer than {MAX_LINE:,} bytes")
    if not rest.strip():
        return FileEnd(count)
    last = _mapping(rest)
    if last is None:
        return FileEnd(count, is_torn=True)
    yield last
    return FileEnd(count + 1)


def _mapping(line: bytes) -> dict[str, Any] | None:
    value = parsed_json(line)
    return value if isinstance(value, dict) else None


def parsed_json(text: bytes | str) -> Any:
    """What a text of JSON says; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
