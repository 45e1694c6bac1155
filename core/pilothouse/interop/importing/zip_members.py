"""Reading an untrusted zip archive from its beginning, member by member.

The list at the end of an archive is not read: it is missing when the archive was cut off, and it
may say something else than the members do. Each member says its own name and size before its bytes.
Nothing is extracted: a name is only a key, and never a path.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from pilothouse.interop.importing.sandbox import CHUNK_SIZE, Sandbox
from pilothouse.kit.errors import Unavailable

MEMBER, DIRECTORY, EMPTY = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
HEADER = struct.Struct("<4sHHHHHIIIHH")
STORED, DEFLATED = 0, 8
ENCRYPTED, SIZE_AFTER, UTF8 = 1 << 0, 1 << 3, 1 << 11
ZIP64, IN_ZIP64 = 1, 0xFFFFFFFF
MAX_MEMBERS = 200_000
# A member may not become larger than this many times its stored size, unless it stays small.
MAX_RATIO, ALWAYS_FINE = 200, 64 << 20


@dataclass(frozen=True)
class ZipMember:
    """A member: where its bytes lie in the archive, and what becomes of them."""

    name: str
    size: int
    start: int
    stored_size: int
    method: int
    crc: int


@dataclass
class ZipArchive:
    """The members of an archive by name; `problem` says why there are no more, if anything."""

    root: Sandbox
    path: str
    members: dict[str, ZipMember] = field(default_factory=dict)
    problem: str = ""

    def chunks(self, member: ZipMember) -> Iterator[bytes]:
        """The bytes of a member. Raises Unavailable at the place where they are damaged."""
        end = member.start + member.stored_size
        stored = self.root.part(self.path, member.start, end)
        crc, size = 0, 0
        for piece in stored if member.method == STORED else _inflated(stored):
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            if size > member.size:
                raise Unavailable("it is larger than it says.")
            yield piece
        if size < member.size:
            raise Unavailable(f"it is cut off after {size:,} of its {member.size:,} bytes.")
        if crc != member.crc:
            raise Unavailable("its checksum is wrong.")


def open_archive(root: Sandbox, path: str, most: int = MAX_MEMBERS) -> ZipArchive:
    """List the members of an archive, at most so many. Raises Unavailable when it is unreadable."""
    archive = ZipArchive(root, path)
    with root.file(path) as file:
        while not archive.problem and len(archive.members) < most:
            member = _next_member(file, archive)
            if member is None:
                break
            archive.members.setdefault(member.name, member)
            file.seek(member.start + member.stored_size)
    return archive


def _next_member(file: IO[bytes], archive: ZipArchive) -> ZipMember | None:
    """The member that begins here; None at the end, or where something is wrong."""
    header = file.read(HEADER.size)
    if header[:4] in (DIRECTORY, EMPTY):
        return None
    if len(header) < HEADER.size:
        archive.problem = "it is cut off"
        return None
    mark, _, flags, method, _, _, crc, stored_size, size, name_size, extra_size = HEADER.unpack(
        header
    )
    if mark != MEMBER:
        archive.problem = "it is damaged, or no zip archive"
        return None
    name = file.read(name_size).decode("utf-8" if flags & UTF8 else "cp437", "replace")
    extra = file.read(extra_size)
    if stored_size == IN_ZIP64 or size == IN_ZIP64:
        size, stored_size = _zip64_sizes(extra, size, stored_size)
    member = ZipMember(name, size, file.tell(), stored_size, method, crc)
    archive.problem = _why_unreadable(member, flags)
    return None if archive.problem else member


def _zip64_sizes(extra: bytes, size: int, stored_size: int) -> tuple[int, int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == ZIP64 and length >= 16 and at + 20 <= len(extra):
            sizes: tuple[int, int] = struct.unpack_from("<QQ", extra, at + 4)
            return sizes
        at += 4 + length
    return size, stored_size


def _why_unreadable(member: ZipMember, flags: int) -> str:
    if flags & ENCRYPTED:
        return "a member of it is encrypted"
    if flags & SIZE_AFTER:
        return "it was zipped again by a program that writes sizes after the members"
    if member.method not in (STORED, DEFLATED):
        return "a member of it is compressed by a method that is not read"
    if member.size > max(member.stored_size * MAX_RATIO, ALWAYS_FINE):
        return f"a member of it says that it expands more than {MAX_RATIO} times"
    return ""


def _inflated(stored: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes of a compressed member, in pieces of a limited size."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in stored:
            waiting = piece
            while waiting and not inflater.eof:
                yield inflater.decompress(waiting, CHUNK_SIZE)
                waiting = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error as broken:
        raise Unavailable("its compressed bytes are damaged.") from broken
