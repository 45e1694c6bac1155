"""Folders that came through the browser: as their files, or as one archive, unpacked in bounds.

No name leads out of the folder, links and devices are left out, and what an archive becomes is
counted while it is written: its own word for that is not taken.
"""

from __future__ import annotations

import io
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from pilothouse.data.uploads import new_upload_folder
from pilothouse.interop.importing.readers import readers
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.storage import Store

MAX_FILES, MAX_NAME = 20_000, 1_000
MAX_UNPACKED = 4 << 30
MAX_RATIO, ALWAYS_FINE = 200, 64 << 20  # times its own size that an archive may become
CHUNK = 1 << 20
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PACKED = (*ZIP, b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
TAR_MARK, TAR_MARK_AT = b"ustar", 257


def keep(store: Store, files: Mapping[str, bytes]) -> str:
    """Write the files and return the path that an import takes. Raises Invalid, Unavailable."""
    if not files:
        raise Invalid("there are no files.", fields={"files": "needed"})
    folder = new_upload_folder(store)
    try:
        return str(_kept(folder, files))
    except OSError as full:
        shutil.rmtree(folder, ignore_errors=True)
        raise Unavailable(f"the upload cannot be stored: {full.strerror}.") from full
    except Invalid:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _kept(folder: Path, files: Mapping[str, bytes]) -> Path:
    name, content = next(iter(files.items()))
    if len(files) == 1 and _is_archive(content):
        path = _inside(folder, PurePosixPath(name).name)
        path.write_bytes(content)
        if any(reader.recognises(str(path)) for _, reader in readers.items()):
            return path  # such as Comet's, which is read as it is
        path.unlink()
        _unpack(folder, content)
    else:
        _check_count(len(files))
        for name, content in files.items():
            path = _inside(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return _only_folder(folder)


def _is_archive(content: bytes) -> bool:
    if content.startswith(PACKED):
        return True
    return content[TAR_MARK_AT : TAR_MARK_AT + len(TAR_MARK)] == TAR_MARK


def _unpack(folder: Path, content: bytes) -> None:
    limit = min(MAX_UNPACKED, max(ALWAYS_FINE, MAX_RATIO * len(content)))
    left, count = limit, 0
    try:
        for name, file in _members(content):
            count += 1
            _check_count(count)
            path = _inside(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as target:
                while chunk := file.read(CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise Invalid(
                            f"the archive unpacks to more than {limit >> 20:,} MB.",
                            hint="Unpack it on the machine and give the path.",
                        )
                    target.write(chunk)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as broken:
        raise Invalid(f"the archive is damaged: {broken}.") from broken
    except (RuntimeError, NotImplementedError) as locked:  # how zipfile refuses a password
        raise Invalid(f"the archive cannot be unpacked: {locked}.") from locked
    if not count:
        raise Invalid("the archive holds no files.")


def _members(content: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    """The plain files of an archive, each opened; links and devices are left out."""
    if content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for member in packed.infolist():
                mode = member.external_attr >> 16
                if not member.is_dir() and (not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG)):
                    with packed.open(member) as file:
                        yield member.filename, file
        return
    with _opened_tar(content) as tar:
        for item in tar:
            content_file = tar.extractfile(item) if item.isreg() else None
            if content_file is not None:
                yield item.name, content_file


@contextmanager
def _opened_tar(content: bytes) -> Iterator[tarfile.TarFile]:
    # As a stream, so that nothing is unpacked before it is counted.
    with tarfile.open(fileobj=io.BytesIO(content), mode="r|*") as tar:
        yield tar


def _inside(folder: Path, name: str) -> Path:
    """The path of a name below the folder. Raises Invalid for one that leads elsewhere."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    bad = not parts or ".." in parts or "\0" in name or len(name) > MAX_NAME
    if bad or name.startswith("/"):
        raise Invalid(f"{name!r:.200} is no path inside the folder.")
    return folder.joinpath(*parts)


def _check_count(count: int) -> None:
    if count > MAX_FILES:
        raise Invalid(
            f"it holds more than {MAX_FILES:,} files.",
            hint="Copy it to the machine and give the path.",
        )


def _only_folder(folder: Path) -> Path:
    """The one folder in a folder, whose name and paths are those that people know; else itself."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder
