"""The records of a TFRecord file: length, its checksum, the record, its checksum."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from pilothouse.interop.importing.file_end import FileEnd
from pilothouse.interop.importing.tensorboard.checksums import masked_checksums

HEADER, FOOTER = 12, 4
MAX_RECORD = 64 << 20
_LENGTH, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")


class Batch(NamedTuple):
    """Records, and where each begins in its file."""

    records: list[bytes]
    offsets: list[int]


def batches(chunks: Iterable[bytes]) -> Generator[Batch, None, FileEnd]:
    """The checked records of a file, a batch for each chunk; returns how the file ended.

    Reading ends at the first record that is damaged: what follows has no place to begin.
    """
    rest, position, count = b"", 0, 0
    for chunk in chunks:
        data = rest + chunk if rest else chunk
        batch, expected, after, problem = _split(data, position)
        good = _checked(batch.records, expected)
        count += good
        if good:
            yield Batch(batch.records[:good], batch.offsets[:good])
        if good < len(expected):
            return FileEnd(count, problem="its checksum is wrong")
        if problem:
            return FileEnd(count, problem=problem)
        rest = data[after:]
        position += after
    return FileEnd(count, is_torn=bool(rest))


def _split(data: bytes, position: int) -> tuple[Batch, list[int], int, str]:
    """The whole records, their checksums, where the next one begins, and what is wrong there."""
    batch, expected = Batch([], []), list[int]()
    at, end = 0, len(data)
    while at + HEADER <= end:
        length, checksum = _LENGTH.unpack_from(data, at)
        if checksum != _checksum_of_length(length):
            return batch, expected, at, "the checksum of its length is wrong"
        if length > MAX_RECORD:
            return batch, expected, at, f"it is larger than {MAX_RECORD >> 20} MB"
        start = at + HEADER
        after = start + length
        if after + FOOTER > end:
            break
        batch.records.append(data[start:after])
        batch.offsets.append(position + start)
        expected.append(_CHECKSUM.unpack_from(data, after)[0])
        at = after + FOOTER
    return batch, expected, at, ""


def _checked(records: list[bytes], expected: list[int]) -> int:
    """How many records are whole, up to the first that is not."""
    actual = masked_checksums(records)
    if actual == expected:
        return len(records)
    pairs: Iterator[tuple[int, int]] = zip(actual, expected, strict=True)
    return next(index for index, (one, other) in enumerate(pairs) if one != other)


@lru_cache(maxsize=4096)
def _checksum_of_length(length: int) -> int:
    return masked_checksums([length.to_bytes(8, "little")])[0]
