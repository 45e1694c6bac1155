"""Archives with the same bytes for the same files: fixed times, sorted names, no owners."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import uuid
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pilothouse.interop.exporting.plan import Content, Files, TarGz, Zip
from pilothouse.models.package import check_path

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
MODE = 0o644
UNIX = 3
CHUNK = 1 << 20


def write_zip(path: Path, files: Files) -> str:
    """Write an archive; its SHA-256. The file appears when it is whole. Raises OSError, Invalid."""
    partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        _write(partial, files)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _write(target: Path | IO[bytes], files: Files) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            check_path(name)
            _add(archive, name, files[name])


def _packed(content: bytes | TarGz | Zip) -> bytes:
    if isinstance(content, TarGz):
        return tar_gz(content.files)
    if isinstance(content, Zip):
        packed = io.BytesIO()
        _write(packed, content.files)
        return packed.getvalue()
    return content


def _add(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    entry = zipfile.ZipInfo(name, FIRST_DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = UNIX
    entry.external_attr = MODE << 16
    large = isinstance(content, Path) and content.stat().st_size > zipfile.ZIP64_LIMIT // 2
    with archive.open(entry, "w", force_zip64=large) as target:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, target, CHUNK)
        else:
            target.write(_packed(content))


def tar_gz(files: Mapping[str, bytes | Path]) -> bytes:
    """A compressed tar archive of files."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(files):
            check_path(name)
            content = files[name]
            data = content.read_bytes() if isinstance(content, Path) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), MODE, 0
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
