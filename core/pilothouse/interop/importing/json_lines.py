"""Files of JSON lines: a mapping a line."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import Any

from pilothouse.interop.importing.file_end import FileEnd
from pilothouse.interop.importing.text_lines import lines_of


def lines(chunks: Iterable[bytes]) -> Generator[dict[str, Any] | None, None, FileEnd]:
    """The mapping of each line, None for a line that is none.

    A last line without an end that cannot be read is one that was cut off.
    """
    count = 0
    for line, is_whole in lines_of(chunks):
        value = parsed_json(line)
        mapping = value if isinstance(value, dict) else None
        if mapping is None and not is_whole:
            return FileEnd(count, is_torn=True)
        yield mapping
        count += 1
    return FileEnd(count)


def parsed_json(text: bytes | str) -> Any:
    """What a text of JSON says; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
