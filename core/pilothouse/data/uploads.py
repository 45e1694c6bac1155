"""Files that wait to be registered by a job, in the workspace's folder."""

from __future__ import annotations

from pathlib import Path

from pilothouse.kit.errors import Unavailable
from pilothouse.kit.folders import remove_old
from pilothouse.kit.ids import run_id
from pilothouse.storage import Store

FOLDER = "uploads"
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


def _new_path(store: Store) -> Path:
    folder = store.settings.folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    remove_old(folder, MAX_AGE_SECONDS)
    return folder / run_id()
