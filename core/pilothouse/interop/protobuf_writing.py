"""The wire format of Protocol Buffers, written field by field."""

from __future__ import annotations

import struct

FIXED64, BYTES = 1, 2
UINT64 = 1 << 64
_DOUBLE, _FIXED64 = struct.Struct("<d"), struct.Struct("<Q")


def varint(value: int) -> bytes:
    """An unsigned number of up to 64 bits; a negative one as its complement."""
    value %= UINT64
    parts = bytearray()
    while value > 0x7F:
        parts.append((value & 0x7F) | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def number_field(field: int, value: int) -> bytes:
    """A whole number, a truth or a choice."""
    return varint(field << 3) + varint(value)


def length_delimited(field: int, value: bytes) -> bytes:
    """Bytes, or a message in a message."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def text_field(field: int, value: str) -> bytes:
    """A text."""
    return length_delimited(field, value.encode())


def double_field(field: int, value: float) -> bytes:
    """A number in double precision."""
    return varint(field << 3 | FIXED64) + _DOUBLE.pack(value)


def fixed64_field(field: int, value: int) -> bytes:
    """A whole number of 64 bits in eight bytes."""
    return varint(field << 3 | FIXED64) + _FIXED64.pack(value)
