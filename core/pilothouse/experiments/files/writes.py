"""Naming stored bytes as files that are no run's: of a logged model, or of nobody.

Nothing is checked here: `late_writes` refuses what a model version rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete
from sqlmodel import Session, col

from pilothouse.experiments.tables import File

CHUNK = 500


@dataclass(frozen=True)
class StoredFile:
    """Bytes in the artifact store, and the path under which their owner has them."""

    path: str
    digest: str
    size: int


def write_file(session: Session, root: str, path: str, digest: str, size: int) -> None:
    """Name bytes as the file at a path below a root; the same path again is the newer file."""
    session.merge(File(root=root, path=path, digest=digest, size=size))


def remove_files(session: Session, root: str, paths: Sequence[str]) -> None:
    """Remove files by path; the bytes stay in the store until nothing names them."""
    for start in range(0, len(paths), CHUNK):
        part = paths[start : start + CHUNK]
        session.execute(delete(File).where(col(File.root) == root, col(File.path).in_(part)))
