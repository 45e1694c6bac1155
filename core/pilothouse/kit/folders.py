"""The folder of a workspace: light to import, for programs that only start others."""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path

from pilothouse.kit.errors import Unavailable
from pilothouse.kit.settings import Settings

PARTS = ("run", "logs", "artifacts")
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
DATABASE_NAME = "pilothouse.db"  # a folder with this file is a workspace


def workspace_folder(settings: Settings) -> Path:
    """The workspace's folder with all its parts, which only their owner may enter.

    Raises Unavailable when it cannot be written.
    """
    folder = settings.folder

    try:
        is_ours = not folder.exists() or (folder / DATABASE_NAME).exists()
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        for part in PARTS:
            (folder / part).mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            restrict_to_owner(folder / part, PRIVATE_FOLDER)
        if is_ours:
            restrict_to_owner(folder, PRIVATE_FOLDER)
    except OSError as broken:
        raise Unavailable(
            f"the workspace folder {folder} cannot be written: {broken.strerror}.",
            hint="Choose another folder with --workspace.",
        ) from broken

    return folder


def restrict_to_owner(path: Path, mode: int) -> None:
    """Take from everybody but the owner what they may do with it; what is not ours stays."""
    with suppress(OSError):  # whoever opens it next says what is wrong with it
        status = path.stat()
        if stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.geteuid():
            path.chmod(mode)


def private_database(file: Path) -> None:
    """Make a SQLite file that only its owner reads, or make the one that is there such a file.

    One that is there is never opened for it: closing it would drop the locks that SQLite holds.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE))
    for path in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))):
        restrict_to_owner(path, PRIVATE_FILE)


def remove_old(folder: Path, seconds: float) -> None:
    """Remove what has lain in a folder for longer."""
    for path in folder.iterdir():
        if time.time() - path.stat().st_mtime > seconds:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def set_private_umask() -> None:
    """Everything that this process and its children make from now on is their owner's alone."""
    os.umask(0o077)
