"""The file of an archive: a zip that is written from its first file to its manifest.

Nothing of it depends on when or where it is written. Whoever reads it believes nothing: names,
sizes and hashes are those of the manifest, or it is refused; links are never made.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from pilothouse.interop.archives.archive_contents import MANIFEST
from pilothouse.interop.archives.archive_manifest import (
    ArchivedFile,
    ArchiveManifest,
    read_manifest,
)
from pilothouse.kit.errors import Invalid, NotFound

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
MODE, UNIX = 0o600, 3
CHUNK = 1 << 20
LEVEL = 1  # PERF: of the models and logs of a workspace, higher ones save little and take long
PACKED = (".parquet",)  # compressed already
MAX_MANIFEST_BYTES = 1 << 30
# What reading an entry raises that is damaged, encrypted, or packed in a way that Python has not.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
DAMAGED = "this is not a whole archive"
HINT = "Copy it again, or export it again with `pilothouse archives export`."


class ArchiveWriter:
    """Writes the files of an archive one after the other, and hashes each on the way."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w")
        self.files: list[ArchivedFile] = []

    def add(self, path: str, data: bytes) -> None:
        """Write a file whole."""
        with self._entry(path) as entry:
            entry.write(data)
        self.files.append(ArchivedFile(path, len(data), hashlib.sha256(data).hexdigest()))

    def copy(self, path: str, source: BinaryIO, most: int | None = None) -> str:
        """Write what an open file has, or its first bytes; their SHA-256."""
        digest, size = hashlib.sha256(), 0
        with self._entry(path) as entry:
            while part := source.read(CHUNK if most is None else min(CHUNK, most - size)):
                digest.update(part)
                size += len(part)
                entry.write(part)
        self.files.append(ArchivedFile(path, size, digest.hexdigest()))
        return digest.hexdigest()

    def close(self, manifest: ArchiveManifest) -> str:
        """Write the manifest and close the archive; the SHA-256 of the manifest."""
        data = manifest.to_bytes()
        self.add(MANIFEST, data)
        self._zip.close()
        return hashlib.sha256(data).hexdigest()

    def abandon(self) -> None:
        """Close what is written so far, of an archive that failed."""
        self._zip.close()

    def _entry(self, path: str) -> IO[bytes]:
        entry = zipfile.ZipInfo(path, FIRST_DAY)
        is_packed = path.endswith(PACKED)
        entry.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        entry._compresslevel = LEVEL  # type: ignore[attr-defined]  # public from Python 3.13 on
        entry.create_system, entry.external_attr = UNIX, MODE << 16
        return self._zip.open(entry, "w", force_zip64=True)


class ArchiveReader:
    """An archive that is read. Raises NotFound for no file, Invalid for no whole archive."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError as gone:
            raise NotFound(f"there is no archive {path}.") from gone
        except (zipfile.BadZipFile, OSError, ValueError) as broken:
            raise Invalid(f"{DAMAGED}: {broken}.", hint=HINT) from broken
        try:
            data = self._manifest_bytes()
            self.digest = hashlib.sha256(data).hexdigest()
            self.manifest = read_manifest(data)
            self._check_entries()
        except BaseException:
            self._zip.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def unpack(self, file: ArchivedFile, target: Path) -> None:
        """Write a file of the archive to a path. Raises Invalid when it has other bytes."""
        digest, size = hashlib.sha256(), 0
        with self.opened(file) as source, target.open("wb") as out:
            while part := source.read(CHUNK):
                size += len(part)
                if size > file.bytes:
                    break
                digest.update(part)
                out.write(part)
        if (size, digest.hexdigest()) != (file.bytes, file.sha256):
            raise Invalid(f"{file.path} is not what the manifest of the archive says.", hint=HINT)

    def verify(self, file: ArchivedFile) -> str:
        """What is wrong with a file of the archive; empty when nothing is."""
        digest = hashlib.sha256()
        try:
            with self.opened(file) as source:
                while part := source.read(CHUNK):
                    digest.update(part)
        except Invalid as broken:
            return broken.message
        return "" if digest.hexdigest() == file.sha256 else f"{file.path} has other bytes"

    @contextmanager
    def opened(self, file: ArchivedFile) -> Iterator[IO[bytes]]:
        """A file of the archive, to be read once. Raises Invalid when it is damaged."""
        try:
            with self._zip.open(file.path) as source:
                yield source
        except UNREADABLE as broken:
            raise Invalid(
                f"{file.path} of the archive is damaged: {broken}.", hint=HINT
            ) from broken

    def _manifest_bytes(self) -> bytes:
        try:
            entry = self._zip.getinfo(MANIFEST)
        except KeyError as absent:
            raise Invalid(f"{DAMAGED}: it has no {MANIFEST}.", hint=HINT) from absent
        if entry.file_size > MAX_MANIFEST_BYTES:
            raise Invalid(f"{DAMAGED}: its {MANIFEST} is too large.")
        with self.opened(ArchivedFile(MANIFEST, entry.file_size, "")) as source:
            return source.read(MAX_MANIFEST_BYTES)

    def _check_entries(self) -> None:
        """Raise Invalid unless the zip has exactly the files of the manifest, in their sizes."""
        entries = self._zip.infolist()
        names = [entry.filename for entry in entries]
        listed = {file.path: file.bytes for file in self.manifest.files}
        if len(set(names)) != len(names):
            raise Invalid(f"{DAMAGED}: it has a file twice.")
        if unlisted := sorted(set(names) - set(listed) - {MANIFEST}):
            raise Invalid(f"{DAMAGED}: its manifest does not list {unlisted[0][:200]!r}.")
        if missing := sorted(set(listed) - set(names)):
            raise Invalid(f"{DAMAGED}: {missing[0][:200]!r} is missing.", hint=HINT)
        for entry in entries:
            if entry.filename != MANIFEST and entry.file_size != listed[entry.filename]:
                raise Invalid(f"{DAMAGED}: {entry.filename} has another size than listed.")
