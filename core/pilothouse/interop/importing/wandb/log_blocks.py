"""The records of a `.wandb` file: LevelDB's log format in blocks of 32 KB, after a short header."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterable, Iterator

from pilothouse.interop.importing.file_end import FileEnd

MAGIC = b":W&B\xe1\xbe"  # the version follows
FILE_HEADER, HEADER, BLOCK = 7, 7, 1 << 15
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
MAX_RECORD = 64 << 20
_HEADER = struct.Struct("<IHB")
_SEEDS = {kind: zlib.crc32(bytes([kind])) for kind in (FULL, FIRST, MIDDLE, LAST)}


def is_run_file(head: bytes) -> bool:
    """Whether a file begins as a run file does."""
    return head.startswith(MAGIC)


def records(chunks: Iterable[bytes]) -> Generator[bytes, None, FileEnd]:
    """The checked records of a file; returns how it ended.

    Reading ends at the first part that is damaged, and at the tear of a file whose writer was
    killed; a record of which only some parts came is not one.
    """
    count, size, waiting = 0, 0, list[bytes]()
    parts = _parts(chunks)
    while True:
        try:
            kind, body = next(parts)
        except StopIteration as ended:
            end: FileEnd = ended.value
            return FileEnd(count, end.is_torn or (bool(waiting) and not end.problem), end.problem)
        if (kind in (FULL, FIRST)) != (not waiting):
            return FileEnd(count, problem="a part of it is missing")
        size += len(body)
        if size > MAX_RECORD:
            return FileEnd(count, problem=f"it is larger than {MAX_RECORD >> 20} MB")
        waiting.append(body)
        if kind in (FULL, LAST):
            yield body if kind == FULL else b"".join(waiting)
            count, size, waiting = count + 1, 0, []


def _parts(chunks: Iterable[bytes]) -> Generator[tuple[int, bytes], None, FileEnd]:
    """The kinds and bytes of the parts of records; returns how the file ended."""
    start = FILE_HEADER
    for block in _blocks(chunks):
        if start and not is_run_file(block):
            break
        at, start, is_last = start, 0, len(block) < BLOCK
        while at + HEADER <= len(block):
            checksum, length, kind = _HEADER.unpack_from(block, at)
            at += HEADER
            body = block[at : at + length]
            is_empty = not (checksum or length or kind)  # a file system's zeros after a crash
            if is_empty or (is_last and len(body) < length):
                return FileEnd(0, is_torn=True)
            if kind not in _SEEDS or zlib.crc32(body, _SEEDS[kind]) != checksum:
                return FileEnd(0, problem="its checksum is wrong")
            at += length
            yield kind, body
        if is_last:
            return FileEnd(0, is_torn=at < len(block))
    return FileEnd(0, problem="it is no file of a run" if start else "")


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The file in blocks, the last one shorter."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % BLOCK
        for start in range(0, whole, BLOCK):
            yield data[start : start + BLOCK]
        rest = data[whole:]
    if rest:
        yield rest
