"""Folders of environments: where they lie, what makes one whole, and how large they are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from pilothouse.environments.resolution import Resolution
from pilothouse.storage import Store

ROOT, CACHE, BUILDING, OLD = "environments", ".uv-cache", ".building", ".removed"
MARKER = "pilothouse-environment.json"  # written last: a folder without it is not whole
WAIT_SECONDS = 0.5
PROGRAM = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")


@dataclass(frozen=True)
class FolderSize:
    """Bytes of an environment: all of them, and those that no other place shares."""

    bytes: int
    own_bytes: int


def root(store: Store) -> Path:
    """The folder of all environments, which only their owner may enter."""
    path = store.folder / ROOT
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def cache(store: Store) -> Path:
    """uv's cache: on the disk of the environments, so that files can be hard-linked."""
    return root(store) / CACHE


def folder_of(store: Store, name: str) -> Path:
    """The folder of an environment with that hash, whether or not it is there."""
    return store.folder / ROOT / name


def program_of(store: Store, name: str) -> Path:
    """The interpreter of a built environment."""
    return folder_of(store, name) / PROGRAM


def is_whole(store: Store, name: str) -> bool:
    """Whether the environment was built to its end and its interpreter is there."""
    folder = folder_of(store, name)
    return (folder / MARKER).is_file() and (folder / PROGRAM).exists()


@contextmanager
def locked(store: Store, name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Alone with the folder of an environment, among all processes of this machine.

    `waiting` is called while another process has it, and may raise to give up. The lock of a
    killed process is free at once.
    """
    lock = FileLock(root(store) / f".{name}.lock", mode=0o600)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=WAIT_SECONDS)
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


def new_building_folder(store: Store, name: str) -> Path:
    """An empty name for a build. Leftovers of builds that were killed are removed first.

    The name is new each time: a uv whose worker was killed may write on for some seconds.
    """
    parent = root(store) / BUILDING
    parent.mkdir(mode=0o700, exist_ok=True)
    for left in parent.glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    return parent / f"{name}-{uuid4().hex[:8]}"


def finish(store: Store, resolution: Resolution, built: Path) -> FolderSize:
    """Mark a built folder as whole and give it its name; an older one there is removed."""
    size = size_of(built)
    content = {
        "hash": resolution.hash,
        "python": resolution.python,
        "platform": resolution.platform,
        "lock": resolution.lock.splitlines(),
        **asdict(size),
    }
    (built / MARKER).write_text(json.dumps(content, indent=1), encoding="utf-8")
    remove(store, resolution.hash)
    os.rename(built, folder_of(store, resolution.hash))
    return size


def remove(store: Store, name: str) -> None:
    """Remove a folder: it loses its name at once, then its files."""
    folder = folder_of(store, name)
    if not folder.exists():
        return
    parent = root(store) / OLD
    parent.mkdir(mode=0o700, exist_ok=True)
    old = parent / f"{name}-{uuid4().hex[:8]}"
    os.rename(folder, old)
    shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(store: Store, *, building: frozenset[str]) -> None:
    """Remove what killed builds and removals left; `building` are hashes that are built now."""
    for part in (BUILDING, OLD):
        parent = store.folder / ROOT / part
        for left in parent.iterdir() if parent.is_dir() else ():
            if left.name.partition("-")[0] not in building:
                shutil.rmtree(left, ignore_errors=True)


def size_of(folder: Path) -> FolderSize:
    """The bytes of a folder's files; a file with another hard link is not its own."""
    total = own = 0
    for status in _files(folder):
        total += status.st_size
        own += status.st_size if status.st_nlink == 1 else 0
    return FolderSize(total, own)


def disk_bytes(store: Store) -> int:
    """What all environments and the cache take on the disk, each file once."""
    files = {(s.st_dev, s.st_ino): s.st_size for s in _files(store.folder / ROOT)}
    return sum(files.values())


def names(store: Store) -> list[str]:
    """The folders of environments that are there, whole or not."""
    parent = store.folder / ROOT
    if not parent.is_dir():
        return []
    return sorted(p.name for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path) -> Iterator[os.stat_result]:
    """The status of every file below a folder; links are not followed."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        yield entry.stat(follow_symlinks=False)
        except OSError:  # removed meanwhile
            continue
