"""A model's file or folder from this machine, or from a browser, as stored files.

Links are refused, zips are unpacked within limits, and nothing is read as a model: the bytes are
stored by their digests.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models.audit.archives import open_zip, zip_member
from pilothouse.models.package import MAX_FILES, check_path
from pilothouse.storage import Store

IGNORED = frozenset({"__pycache__", ".DS_Store", ".git", "__MACOSX"})
ZIP = ".zip"  # formats such as .keras and .skops are zips too, and stay as they are
Open = Callable[[], BinaryIO]
ModelFiles = Path | Mapping[str, bytes]
HINT = "Give the file of a model, its folder, or a .zip of that folder."


def store_files(store: Store, source: ModelFiles) -> list[dict[str, Any]]:
    """Store the files of a folder, of a file, or of names with bytes: path, sha256 and bytes.

    Raises NotFound without it; Invalid for links, for what is no plain file, for names that lead
    outside, and beyond the limits on the number and the size of files.
    """
    files = _below_common_folder(dict(_unzipped(store, _plain_files(source))))
    if not files:
        raise Invalid("there are no files in it.", hint=HINT, fields={"path": "no files"})
    for path in files:
        check_path(path)
    return [_stored(store, path, open_file) for path, open_file in sorted(files.items())]


def _plain_files(source: ModelFiles) -> Iterator[tuple[str, Open]]:
    if not isinstance(source, Path):
        for name, data in source.items():
            yield name, lambda data=data: BytesIO(data)  # type: ignore[misc]
        return

    _refuse_link(source)
    if source.is_file():
        yield source.name, lambda: _open(source)
    elif source.is_dir():
        for path in _walk(source):
            yield path.relative_to(source).as_posix(), lambda path=path: _open(path)  # type: ignore[misc]
    else:
        raise NotFound(f"there is no file or folder {str(source)!r}.", hint=HINT)


def _walk(folder: Path) -> Iterator[Path]:
    count = 0
    for parent, folders, names in os.walk(folder, followlinks=False, onerror=_unreadable):
        folders[:] = [name for name in sorted(folders) if name not in IGNORED]
        for name in (*folders, *names):
            _refuse_link(Path(parent, name))
        for name in sorted(set(names) - IGNORED):
            count += 1
            if count > MAX_FILES:
                raise Invalid(f"the folder has more than {MAX_FILES:,} files.", hint=HINT)
            yield Path(parent, name)


def _unreadable(error: OSError) -> None:
    raise Invalid(f"{error.filename} cannot be read: {error.strerror}.") from error


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise Invalid(
            f"{path.name!r} is a symbolic link.",
            hint="Copy the file that it points to into the folder: links are not followed.",
            fields={"path": "holds a link"},
        )


def _open(path: Path) -> BinaryIO:
    """An open plain file. It may have become a link or a device since the folder was listed."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Invalid(f"{path.name!r} is no plain file.", fields={"path": "no plain file"})
    return os.fdopen(number, "rb")


def _unzipped(store: Store, files: Iterator[tuple[str, Open]]) -> Iterator[tuple[str, Open]]:
    """The files, and in place of a single .zip those that it holds."""
    listed = list(files)
    if len(listed) != 1 or not listed[0][0].lower().endswith(ZIP):
        yield from listed
        return

    with listed[0][1]() as source:
        data = source.read(_limit(store) + 1)
    _check_size(store, listed[0][0], len(data))
    archive = open_zip(data)
    for name in archive.namelist():
        parts = PurePosixPath(name).parts
        if not name.endswith("/") and not IGNORED.intersection(parts):
            yield name, lambda name=name: BytesIO(zip_member(archive, name))  # type: ignore[misc]


def _below_common_folder(files: dict[str, Open]) -> dict[str, Open]:
    """The files by their paths below the folder that all of them are in, when there is one."""
    first = {path.partition("/")[0] for path in files}
    if len(first) != 1 or not all("/" in path for path in files):
        return files
    return _below_common_folder({path.partition("/")[2]: way for path, way in files.items()})


def _stored(store: Store, path: str, open_file: Open) -> dict[str, Any]:
    with open_file() as source:
        size = source.seek(0, os.SEEK_END)
        _check_size(store, path, size)
        source.seek(0)
        digest = store.artifacts.put_stream(source)
    return {"path": path, "sha256": digest, "bytes": size}


def _limit(store: Store) -> int:
    return store.settings.max_artifact_mb << 20


def _check_size(store: Store, path: str, size: int) -> None:
    if size > _limit(store):
        raise Invalid(
            f"{path} is larger than {store.settings.max_artifact_mb:,} MB.",
            hint="The setting max_artifact_mb raises the limit.",
            fields={"path": "too large"},
        )
