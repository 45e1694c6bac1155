"""JSON in: one object on each line, or a list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pilothouse.data.reading.containers import Content
from pilothouse.data.reading_options import MAX_CELL, MAX_COLUMNS
from pilothouse.kit.errors import Invalid

MAX_LIST = 1 << 29  # bytes of a list of objects, which is read as one


def read_json(content: Content) -> dict[str, list[Any]]:
    """The values of each key, missing where an object has none.

    Raises Invalid that names the row and column at fault.
    """
    columns: dict[str, list[Any]] = {}
    row = 0

    for row, (line, record) in enumerate(_records(content), start=1):
        if not isinstance(record, dict):
            raise Invalid(
                f"row {row}{line}: {str(record)!r:.60} is not a JSON object.",
                hint="Write one object of plain values on each line.",
                fields={"source": "is not a list of objects"},
            )

        for name, value in record.items():
            if isinstance(value, dict | list):
                raise Invalid(
                    f"row {row}{line}, column {name!r}: it holds a "
                    f"{'list' if isinstance(value, list) else 'nested object'}.",
                    hint="Unfold it into plain columns.",
                    fields={name: f"row {row} is nested"},
                )
            if name not in columns:
                if len(columns) >= MAX_COLUMNS:
                    raise Invalid(
                        f"row {row}{line} brings column {MAX_COLUMNS + 1:,}; {MAX_COLUMNS:,} are "
                        "read at most.",
                        fields={"source": "has too many columns"},
                    )
                columns[name] = [None] * (row - 1)
            columns[name].append(value)

        # A key that this object lacks is missing in its row.
        for values in columns.values():
            if len(values) < row:
                values.append(None)

    if not row or not columns:
        raise Invalid("the file has no rows.", fields={"source": "has no rows"})
    return columns


def _records(content: Content) -> Iterator[tuple[str, Any]]:
    head = content.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"["):
        for record in _list(content):
            yield "", record
        return

    with content.opened() as file:
        number = 0
        while line := file.readline(MAX_CELL + 1):
            number += 1
            text = line.removeprefix(b"\xef\xbb\xbf").strip()
            if not text:
                continue
            if len(line) > MAX_CELL:
                raise Invalid(
                    f"line {number} is longer than {MAX_CELL >> 20} MB.",
                    fields={"source": "has a line that is too long"},
                )
            try:
                yield f" (line {number})", json.loads(text)
            except (ValueError, RecursionError) as broken:
                if not content.whole and not line.endswith(b"\n"):
                    return  # the last line of a beginning is not whole
                raise Invalid(
                    f"line {number} is not a JSON object: {broken}.",
                    hint="Write one object on each line (JSON lines), or a list of objects.",
                    fields={"source": "is not JSON lines"},
                ) from broken


def _list(content: Content) -> list[Any]:
    if not content.whole:
        return _beginning(content)
    with content.opened() as file:
        text = file.read(MAX_LIST + 1)
    if len(text) > MAX_LIST:
        raise Invalid(
            f"the JSON list is larger than {MAX_LIST >> 20} MB.",
            hint="Write one object on each line (JSON lines).",
            fields={"source": "is too large a list"},
        )

    try:
        records = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as broken:
        raise Invalid(
            f"the file is not JSON: {broken}.", fields={"source": "is damaged"}
        ) from broken
    return list(records)


def _beginning(content: Content) -> list[Any]:
    """The whole objects at the beginning of a list."""
    with content.opened() as file:
        text = file.read().decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")[1:]
    records: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return records
        records.append(record)
