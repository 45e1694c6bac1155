"""Files that wait to be registered by a job, in the workspace's folder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.kit.folders import remove_old
from pilothouse.kit.ids import run_id
from pilothouse.storage import Store

FOLDER = "uploads"
MAGIC = {b"PAR1": "upload.parquet", b"PK": "upload.xlsx", b"\x1f\x8b": "upload.csv.gz"}
MAX_AGE_SECONDS = 7 * 24 * 3600  # a failed registration can be retried for so long


def store_upload(store: Store, content: bytes, filename: str) -> str:
    """Keep an upload until its job has registered it, and return its path."""
    path = _new_path(store)
    try:
        path.touch(mode=0o600)
        path.write_bytes(content)
    except OSError as full:
        path.unlink(missing_ok=True)
        raise Unavailable(f"the upload {filename!r} cannot be stored: {full.strerror}.") from full
    return str(path)


def new_upload_folder(store: Store) -> Path:
    """An empty folder for an upload of several files, removed after a week."""
    path = _new_path(store)
    path.mkdir(mode=0o700)
    return path


def remove_upload(store: Store, path: str) -> None:
    """Remove an upload once it is registered; any other path is left alone."""
    if Path(path).parent == store.settings.folder / FOLDER:
        Path(path).unlink(missing_ok=True)


def search_uploads(
    store: Store, columns: Collection[str], holds: Callable[[Any], bool]
) -> tuple[list[str], list[str]]:
    """The waiting uploads that have a value in one of some columns, and those nobody can search."""
    folder = store.settings.folder / FOLDER
    holding: list[str] = []
    unreadable: list[str] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        result = None if path.is_dir() else _holds(path, columns, holds)
        if result is None:
            unreadable.append(f"{FOLDER}/{path.name}")
        elif result:
            holding.append(path.name)
    return holding, unreadable


def remove_uploads(store: Store, names: Collection[str]) -> None:
    """Remove waiting uploads; a job that would have registered one fails."""
    for name in names:
        remove_upload(store, str(store.settings.folder / FOLDER / name))


def _holds(path: Path, columns: Collection[str], holds: Callable[[Any], bool]) -> bool | None:
    """Whether a file has such a value; None when it cannot be read as a table."""
    from pilothouse.data.reading.reader import read

    with path.open("rb") as file:
        start = file.read(4)
    name = next((name for sign, name in MAGIC.items() if start.startswith(sign)), "upload.csv")
    try:
        table = read(path, name, {}).table
    except PilothouseError:
        return None
    names = [column for column in table.column_names if column in columns]
    return any(holds(value) for name in names for value in table[name].unique().to_pylist())


def _new_path(store: Store) -> Path:
    folder = store.settings.folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    remove_old(folder, MAX_AGE_SECONDS)
    return folder / run_id()
