"""Compressed files and archives, read within limits: bombs, links and damage are refused."""

from __future__ import annotations

import bz2
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from pilothouse.kit.errors import Invalid

MAX_UNPACKED = 4 << 30
MAX_MEMBERS = 20_000
MAX_JSON = 256 << 20
MAGIC: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(31)),
    (b"BZ", bz2.BZ2Decompressor),
    (b"\xfd7zXZ", lzma.LZMADecompressor),
    (b"\x5d\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE)),
    (b"\x78", zlib.decompressobj),
)


def decompressed(data: bytes) -> bytes:
    """The content of a file that joblib may have compressed. Raises Invalid beyond 4 GiB."""
    if data[:4] == b"\x04\x22\x4d\x18":
        raise Invalid("The file is compressed with LZ4, which is not supported.")
    for magic, make in MAGIC:
        if data.startswith(magic):
            return _unpacked(data, make())
    return data


def _unpacked(data: bytes, stream: Any) -> bytes:
    limit = min(MAX_UNPACKED, 200 * len(data) + (64 << 20))
    parts, size, rest = [], 0, data
    try:
        while rest or not getattr(stream, "needs_input", True):
            part = stream.decompress(rest, 16 << 20)
            rest = getattr(stream, "unconsumed_tail", b"")
            size += len(part)
            if size > limit:
                raise Invalid("The file unpacks to more than is allowed.")
            parts.append(part)
            if stream.eof or not part:
                break
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError) as wrong:
        raise Invalid(f"The file is damaged: {first_line(wrong)}.") from wrong
    if not stream.eof:
        raise Invalid("The file is damaged: it ends within its compressed data.")
    return b"".join(parts)


def open_zip(data: bytes) -> zipfile.ZipFile:
    """A zip whose members are few, plain, and unpack to little enough. Raises Invalid."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as wrong:
        raise Invalid(f"The file is damaged: {first_line(wrong)}.") from wrong

    names = [info.filename for info in infos]
    if len(names) > MAX_MEMBERS or len(set(names)) != len(names):
        raise Invalid("The archive has too many parts, or two of the same name.")
    for info in infos:
        outside = info.filename.startswith("/") or ".." in info.filename.split("/")
        if outside or "\\" in info.filename or (info.external_attr >> 28) == 0xA:
            raise Invalid(
                f"The archive holds {info.filename[:100]!r}, which is outside it or a link."
            )
    unpacked = sum(info.file_size for info in infos)
    if unpacked > min(MAX_UNPACKED, 1_000 * len(data) + (64 << 20)):
        raise Invalid("The archive unpacks to more than is allowed.")
    return archive


def zip_member(archive: zipfile.ZipFile, name: str, limit: int = MAX_UNPACKED) -> bytes:
    """A member, unpacked. Raises Invalid when it is absent, damaged or larger than it says."""
    try:
        info = archive.getinfo(name)
        if info.file_size > limit:
            raise Invalid(f"{name} in the archive is too large.")
        with archive.open(info) as member:
            data = member.read(info.file_size + 1)
    except KeyError as missing:
        raise Invalid(f"The archive has no {name}.") from missing
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        lzma.LZMAError,
    ) as wrong:
        raise Invalid(f"The archive is damaged: {first_line(wrong)}.") from wrong
    return data


def json_member(archive: zipfile.ZipFile, name: str) -> Any:
    """A member that is JSON. Raises Invalid."""
    try:
        return json.loads(zip_member(archive, name, MAX_JSON))
    except (ValueError, RecursionError) as wrong:
        raise Invalid(f"{name} in the archive cannot be read: {first_line(wrong)}.") from wrong


def first_line(error: BaseException) -> str:
    """The first line of an error's message, short, or its class."""
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")[:200]
