"""The files of runs and of logged models: lists, trees, previews and content."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import details
from pilothouse.experiments.details import ArtifactInfo
from pilothouse.experiments.files import preview
from pilothouse.experiments.lifecycle import run_not_found
from pilothouse.experiments.recording import artifact_path
from pilothouse.experiments.tables import File, LoggedModel, Run, RunArtifact
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.models import mlmodel
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    from pilothouse.experiments.files.preview import TablePreview, TextPreview
    from pilothouse.models.mlmodel import MlModel

# Bytes: a file up to here is read whole and verified; of a longer one the start is read unverified.
VERIFIED = 8 << 20
MODEL = "m-"
Preview = TypeVar("Preview")


@dataclass(frozen=True)
class FileNode:
    """A folder or a file of the tree; a folder has the count and size of the files below it."""

    path: str
    name: str
    level: int
    is_folder: bool
    size: int
    files: int = 1


class RunFiles(Service):
    """The files of runs and logged models; `owner` is the id of either.

    Every verb raises NotFound for an owner or a path that is not there, Unavailable when the bytes
    are damaged, and Invalid when they are not what the verb reads.
    """

    def list_files(self, owner: str) -> tuple[ArtifactInfo, ...]:
        """Every file, by path."""
        with self._store.read() as session:
            return list_files(session, owner)

    def info(self, owner: str, path: str) -> ArtifactInfo:
        """One file."""
        with self._store.read() as session:
            return find_file(session, owner, path)

    def read(self, owner: str, path: str) -> bytes:
        """The verified bytes of a file."""
        return self._store.artifacts.read(self.info(owner, path).digest)

    def local_path(self, owner: str, path: str) -> Path:
        """A verified file on this machine."""
        return self._store.artifacts.local_path(self.info(owner, path).digest)

    def text(self, owner: str, path: str) -> TextPreview:
        """The beginning of a text."""
        return self._preview(owner, path, preview.text)

    def table(self, owner: str, path: str) -> TablePreview:
        """The first rows of a CSV, TSV or Parquet file."""
        return self._preview(owner, path, preview.table)

    def document(self, owner: str, path: str) -> Any:
        """A JSON value, when it is not too long to draw."""
        return self._preview(owner, path, preview.document)

    def model(self, owner: str, path: str) -> MlModel:
        """What an MLmodel file says."""
        return mlmodel.read(self.text(owner, path).text, path)

    def image(self, owner: str, path: str) -> tuple[bytes, str]:
        """An image's bytes and media type, which is detected from the bytes, not from the name."""
        file = self.info(owner, path)
        if file.size > preview.MAX_IMAGE:
            most = preview.MAX_IMAGE >> 20
            raise Invalid(
                f"{path} is larger than {most} MB, too much to draw.", hint="Download it."
            )
        data = self._store.artifacts.read(file.digest)
        return data, preview.image_type(data, path)

    def _preview(
        self, owner: str, path: str, reader: Callable[[BinaryIO, str], Preview]
    ) -> Preview:
        file = self.info(owner, path)
        if file.size <= VERIFIED:
            return reader(io.BytesIO(self._store.artifacts.read(file.digest)), path)
        with self._store.artifacts.open(file.digest) as source:
            return reader(source, path)


def list_files(session: Session, owner: str) -> tuple[ArtifactInfo, ...]:
    """Every file of a run or a logged model, by path. Raises NotFound without the owner."""
    table, root = _table(owner)
    rows = session.scalars(select(table).where(root == owner).order_by(col(table.path)))
    files = tuple(ArtifactInfo(row.path, row.digest, row.size) for row in rows)
    if not files:
        _require(session, owner)
    return files


def find_file(session: Session, owner: str, path: str) -> ArtifactInfo:
    """A file of a run or a logged model. Raises NotFound, Invalid when the path climbs."""
    if not owner.startswith(MODEL):
        return details.artifact(session, owner, path)
    row = session.get(File, (owner, artifact_path(path)))
    if row is not None:
        return ArtifactInfo(row.path, row.digest, row.size)
    _require(session, owner)
    raise NotFound(f"this logged model has no file {path!r}.")


def _table(owner: str) -> tuple[Any, Any]:
    if owner.startswith(MODEL):
        return File, col(File.root)
    return RunArtifact, col(RunArtifact.run_id)


def _require(session: Session, owner: str) -> None:
    if owner.startswith(MODEL):
        if session.get(LoggedModel, owner) is None:
            raise NotFound(f"no logged model with the id {owner!r}")
    elif session.get(Run, owner) is None:
        raise run_not_found(owner)


def tree(files: Sequence[ArtifactInfo]) -> tuple[FileNode, ...]:
    """Folders and files in the order of a tree, folders before files."""
    folders: dict[str, tuple[int, int]] = {}
    for file in files:
        for folder in _parent_folders(file.path):
            size, count = folders.get(folder, (0, 0))
            folders[folder] = (size + file.size, count + 1)

    nodes = [
        FileNode(path, path.rpartition("/")[2], path.count("/"), True, size, count)
        for path, (size, count) in folders.items()
    ]
    nodes += [
        FileNode(file.path, file.path.rpartition("/")[2], file.path.count("/"), False, file.size)
        for file in files
    ]
    return tuple(sorted(nodes, key=_sort_key))


def _parent_folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _sort_key(node: FileNode) -> list[tuple[bool, str]]:
    parts = node.path.split("/")
    last = len(parts) - 1
    # At each level folders come first: a part is a file only when it is the end of a file's path.
    return [(index == last and not node.is_folder, part) for index, part in enumerate(parts)]
