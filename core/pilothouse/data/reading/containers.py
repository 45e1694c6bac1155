"""What a file is by its first bytes, and the one data file inside a compressed one, unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from pilothouse.data.reading_options import MAX_UNPACKED
from pilothouse.kit.errors import Invalid

Kind = Literal["parquet", "gzip", "bzip2", "xz", "zip", "xlsx", "json", "csv"]
COMPRESSIONS: Mapping[bytes, Kind] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
UNSUPPORTED: Mapping[bytes, str] = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"SQLite format 3": "an SQLite database; export its table as CSV",
    b"ARROW1": "an Arrow (Feather) file; write it as Parquet",
    b"ORC": "an ORC file; write it as Parquet",
    b"Obj\x01": "an Avro file; write it as Parquet",
    b"\x89HDF": "an HDF5 file; write it as Parquet",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"(\xb5/\xfd": "compressed with zstd; unpack it",
    b"\x80\x04": "a Python pickle; write the frame as Parquet",
    b"\x80\x05": "a Python pickle; write the frame as Parquet",
}
MARKUP = (b"<!doctype html", b"<html", b"<?xml")
CHUNK = 1 << 20
PEEK = 1 << 12


@dataclass(frozen=True)
class Content:
    """The bytes of a file: in memory or on disk, complete or, for a preview, its beginning."""

    data: Path | bytes
    name: str = ""
    whole: bool = True
    packed: str = ""

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The bytes as a file."""
        with (
            io.BytesIO(self.data) if isinstance(self.data, bytes) else self.data.open("rb") as file
        ):
            yield file

    def head(self, size: int = PEEK) -> bytes:
        """The first bytes."""
        with self.opened() as file:
            return file.read(size)


def kind_of(content: Content) -> Kind:
    """What a file is. Raises Invalid, naming the format, for one that is not read."""
    head = content.head()
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, kind in COMPRESSIONS.items():
        if head.startswith(magic):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "xlsx" if _is_workbook(content) else "zip"

    foreign = next((name for magic, name in UNSUPPORTED.items() if head.startswith(magic)), "")
    if not foreign and head.lstrip().lower().startswith(MARKUP):
        foreign = "HTML or XML"
    if foreign:
        raise Invalid(
            f"the file is {foreign.partition(';')[0]}, not CSV, JSON lines, Parquet or Excel.",
            hint=(foreign.partition(";")[2].strip() or "Choose another file").capitalize() + ".",
            fields={"source": "is of another format"},
        )

    return "json" if _is_json(head) else "csv"


def unpack(content: Content, kind: Kind, scratch: Path, limit: int = MAX_UNPACKED) -> Content:
    """The one data file in a compressed one, or its first `limit` bytes when it is a preview.

    Raises Invalid for a damaged file, for several files in one, and for one that grows too large.
    """
    if kind == "zip":
        return _from_zip(content, scratch, limit)
    openers: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    name = content.name.rsplit(".", 1)[0] if "." in content.name else content.name
    with content.opened() as packed, openers[kind](packed, "rb") as file:
        return replace(
            _copy(file, content, scratch, limit), name=name, packed=f"{content.packed}{kind} of "
        )


def _copy(file: IO[bytes], content: Content, scratch: Path, limit: int) -> Content:
    """What a packed file holds, written to the scratch folder."""
    path = scratch / "unpacked"
    size = 0

    # A preview unpacks only a beginning, so a broken end is expected there.
    try:
        with path.open("wb") as out:
            while block := file.read(min(CHUNK, limit + 1 - size)):
                size += len(block)
                if size > limit:
                    if content.whole:
                        raise Invalid(
                            f"the file unpacks to more than {limit >> 20:,} MB.",
                            hint="Unpack it and register a part, or write it as Parquet.",
                            fields={"source": "unpacks to too much"},
                        )
                    break
                out.write(block)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as broken:
        if content.whole or not size:
            raise Invalid(
                f"the compressed file is damaged: {broken}.", fields={"source": "is damaged"}
            ) from broken

    return replace(content, data=path)


def _from_zip(content: Content, scratch: Path, limit: int) -> Content:
    try:
        with content.opened() as file, zipfile.ZipFile(file) as archive:
            member = _one_member(archive)
            if member.flag_bits & 1:
                raise Invalid(
                    f"{member.filename!r} in the ZIP archive is encrypted.",
                    hint="Unpack it, and register the file.",
                    fields={"source": "is encrypted"},
                )
            with archive.open(member) as packed:
                return replace(
                    _copy(packed, content, scratch, limit),
                    name=member.filename.rsplit("/", 1)[-1],
                    packed=f"{content.packed}ZIP of ",
                )
    except (zipfile.BadZipFile, NotImplementedError, OSError) as broken:
        raise Invalid(
            f"the ZIP archive cannot be read: {broken}.", fields={"source": "is damaged"}
        ) from broken


def _one_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir()
        and not member.filename.startswith("__MACOSX/")
        and not member.filename.rsplit("/", 1)[-1].startswith(".")
    ]
    if len(members) == 1:
        return members[0]

    names = ", ".join(member.filename for member in members[:5])
    what = f"{len(members)} files ({names}{', ...' if len(members) > 5 else ''})" if members else ""
    raise Invalid(
        f"the ZIP archive holds {what or 'no file'}; one is needed.",
        hint="Unpack it, and register each file by itself.",
        fields={"source": "holds several files" if members else "holds no file"},
    )


def _is_workbook(content: Content) -> bool:
    try:
        with content.opened() as file, zipfile.ZipFile(file) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return content.name.lower().endswith((".xlsx", ".xlsm"))


def _is_json(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return start[1:].lstrip().startswith((b"{", b"]"))
    return start.startswith(b"{") and start[1:].lstrip().startswith((b'"', b"}"))
