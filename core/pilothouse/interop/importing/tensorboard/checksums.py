"""The masked CRC-32C of TFRecord files, of many records at once.

A record is taken in rows of `ROW` bytes, all rows of all records go through the table together,
and the rows of a record are joined by what `ROW` zero bytes do to a register. Zeros before a
record change nothing as long as the register is zero, so records are padded at their front.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

POLYNOMIAL = 0x82F63B78
MASK = 0xA282EAD8
ALL_ONES = 0xFFFFFFFF
ROW = 64
Shift = tuple[list[int], list[int], list[int], list[int]]


def masked_checksums(records: Sequence[bytes]) -> list[int]:
    """What a TFRecord file should say after each of these records."""
    rows = [-(-len(record) // ROW) for record in records]
    if rows and min(rows) == max(rows) == 1:
        return _of_short(records)
    padded = (record.rjust(count * ROW, b"\0") for record, count in zip(records, rows, strict=True))
    registers: list[int] = _registers(b"".join(padded)).tolist()
    checksums, at = [], 0
    for record, count in zip(records, rows, strict=True):
        register = 0
        if count:
            register = registers[at]
        for row in range(at + 1, at + count):
            register = _after_row(register) ^ registers[row]
        at += count
        checksums.append(_masked(register ^ _start(len(record))))
    return checksums


def _of_short(records: Sequence[bytes]) -> list[int]:
    """The checksums of records of one row each."""
    import numpy as np

    starts = np.array([_start(length) for length in map(len, records)], dtype=np.uint32)
    checksums = ~(_registers(b"".join([record.rjust(ROW, b"\0") for record in records])) ^ starts)
    masked = ((checksums >> 15) | (checksums << 17)) + np.uint32(MASK)
    return list(masked.tolist())


def _registers(data: bytes) -> Any:
    """The register after each row of `ROW` bytes, each from zero."""
    import numpy as np

    table = _numpy_table()
    columns = np.frombuffer(data, dtype=np.uint8).reshape(-1, ROW).T
    registers = np.zeros(columns.shape[1], dtype=np.uint32)
    for column in columns:
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> 8)
    return registers


def _masked(register: int) -> int:
    checksum = register ^ ALL_ONES
    return (((checksum >> 15) | (checksum << 17)) + MASK) & ALL_ONES


@cache
def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


@cache
def _numpy_table() -> Any:
    import numpy as np

    return np.array(_table(), dtype=np.uint32)


def _after_zeros(register: int, count: int) -> int:
    table = _table()
    for _ in range(count):
        register = table[register & 0xFF] ^ (register >> 8)
    return register


@cache
def _shift() -> Shift:
    """What a row of zeros makes of each byte of a register; the four are added."""
    a, b, c, d = (
        [_after_zeros(value << (8 * byte), ROW) for value in range(256)] for byte in range(4)
    )
    return a, b, c, d


def _after_row(register: int) -> int:
    a, b, c, d = _shift()
    return (
        a[register & 0xFF] ^ b[register >> 8 & 0xFF] ^ c[register >> 16 & 0xFF] ^ d[register >> 24]
    )


@lru_cache(maxsize=4096)
def _start(length: int) -> int:
    """What the register of ones, with which a checksum begins, has become after a record."""
    register = _after_zeros(ALL_ONES, length % ROW)
    for _ in range(length // ROW):
        register = _after_row(register)
    return register
