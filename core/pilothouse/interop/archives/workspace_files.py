"""Files beside the database that belong to a workspace: the prediction log and the logs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pilothouse.activity import anchor
from pilothouse.deployments.prediction_log import compaction, journal
from pilothouse.interop.archives.archive_contents import FOLDERS, JOURNAL, is_path
from pilothouse.interop.archives.archive_file import ArchiveWriter
from pilothouse.kit.errors import Unavailable
from pilothouse.storage import Store

LOCK_SECONDS = 120


@dataclass(frozen=True)
class KeptFile:
    """A file beside the database: its path in an archive, where it is, and its size."""

    path: str
    file: Path
    bytes: int


@contextmanager
def steady_log(store: Store) -> Iterator[None]:
    """Nobody moves or deletes files of the prediction log meanwhile; new rows still come.

    Raises Unavailable when another program holds its lock for minutes.
    """
    try:
        with FileLock(compaction.lock_file(store.folder), timeout=LOCK_SECONDS):
            yield
    except Timeout as held:
        raise Unavailable(
            "the prediction log has been written for two minutes.",
            hint="Wait for the clean-up or the erasure that runs, and try again.",
        ) from held


def kept_files(folder: Path) -> list[KeptFile]:
    """The files of a workspace's folder that an archive has, by path; links are none."""
    files = [
        KeptFile(path.relative_to(folder).as_posix(), path, size)
        for root in FOLDERS
        for path, size in _walk(folder / root)
        if path.suffix != ".part"  # of a program that was killed while it wrote
    ]
    return sorted((item for item in files if is_path(item.path)), key=lambda item: item.path)


def add_kept_file(archive: ArchiveWriter, item: KeptFile) -> None:
    """Write a file to an archive as it is now; nothing when it is gone.

    A log that grows is written up to the size that it had. A segment that the server has sealed
    meanwhile is written under its new name.
    """
    for file in (item.file, _sealed(item.file)):
        with suppress(FileNotFoundError), file.open("rb") as source:
            path = item.path.removesuffix(item.file.name) + file.name
            most = os.fstat(source.fileno()).st_size
            if file.suffix == journal.OPEN:
                most = _whole_lines(source.read(most))
                source.seek(0)
            archive.copy(path, source, most)
            return


def anchor_bytes(store: Store) -> bytes:
    """The anchor of the audit log, empty without one; its last line may be incomplete."""
    with suppress(FileNotFoundError):
        data = (store.folder / anchor.FILE).read_bytes()
        return data[: _whole_lines(data)]
    return b""


def _walk(root: Path) -> Iterator[tuple[Path, int]]:
    """The files below a folder with their sizes; neither links nor sockets."""
    for parent, _folders, names in os.walk(root):
        for name in names:
            path = Path(parent, name)
            with suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    yield path, status.st_size


def _sealed(file: Path) -> Path:
    """The name that a segment of a journal has once it is sealed; others keep theirs."""
    if file.suffix != journal.OPEN or JOURNAL not in file.parts:
        return file
    return file.with_name(f"{file.name.partition('.')[0]}{journal.SEALED}")


def _whole_lines(data: bytes) -> int:
    """How many bytes the whole lines have; one that is being written is no line yet."""
    return data.rfind(b"\n") + 1
