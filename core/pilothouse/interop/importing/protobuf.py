"""The wire format of Protocol Buffers: the fields of one message, without a schema.

A message inside another is walked by whoever knows that it is one, so nothing here recurses.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10
UINT64 = 1 << 64


class Malformed(ValueError):
    """Bytes that are no message."""


class Field(NamedTuple):
    """One field: its number and kind, where its bytes are, and its value if it is a varint."""

    number: int
    kind: int
    value: int
    start: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message in a part of `data`, in order. Raises Malformed."""
    end = len(data) if end is None else end
    while start < end:
        key, start = varint(data, start, end)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, after = varint(data, start, end)
            yield Field(number, kind, value, start, after)
        elif kind in (FIXED64, FIXED32, BYTES):
            size = 8 if kind == FIXED64 else 4
            if kind == BYTES:
                size, start = varint(data, start, end)
            after = start + size
            if after > end:
                raise Malformed("a field is longer than its message")
            yield Field(number, kind, 0, start, after)
        else:
            raise Malformed(f"a field of the unknown kind {kind}")
        start = after


def varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """An unsigned number of up to 64 bits, and where it ends. Raises Malformed."""
    value = 0
    for index in range(start, min(end, start + MAX_VARINT_BYTES)):
        byte = data[index]
        value |= (byte & 0x7F) << (7 * (index - start))
        if byte < 0x80:
            return value % UINT64, index + 1
    raise Malformed("a number without an end")


def signed(value: int) -> int:
    """An int64 from the unsigned number that is written for it."""
    return value - UINT64 if value >= UINT64 >> 1 else value


def text(data: bytes, field: Field) -> str:
    """A text field; bytes that are no UTF-8 are replaced, anything else is the empty text."""
    return data[field.start : field.end].decode("utf-8", "replace") if field.kind == BYTES else ""


def double(data: bytes, field: Field) -> float:
    """A double field. Raises Malformed."""
    if field.kind != FIXED64:
        raise Malformed("a number of another kind")
    return float(struct.unpack_from("<d", data, field.start)[0])
