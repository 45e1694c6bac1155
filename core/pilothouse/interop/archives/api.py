"""Archives of a workspace as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pilothouse.interop.archives import export_archive as exporting
from pilothouse.interop.archives.archive_contents import LeftOut
from pilothouse.interop.archives.archive_file import ArchiveReader
from pilothouse.interop.archives.export_archive import ArchiveInfo, ArchivePreview
from pilothouse.storage.service import Service


@dataclass(frozen=True)
class ArchiveCheck:
    """What is in an archive, and what is wrong with it; `manifest` is its manifest's SHA-256."""

    program: str
    schema: str
    as_of: str
    tables: int
    rows: int
    files: int
    bytes: int
    manifest: str
    left_out: tuple[LeftOut, ...]
    problems: tuple[str, ...]


class WorkspaceArchives(Service):
    """The whole workspace as one archive in open formats, which imports again."""

    def preview(self) -> ArchivePreview:
        """What an archive of the workspace would have and would leave out; nothing is written."""
        return exporting.preview(self._store)

    def export(
        self,
        path: str | Path,
        *,
        on_progress: Callable[[float, str], None] = lambda _share, _message: None,
    ) -> ArchiveInfo:
        """Write everything to one archive of Parquet and JSON that imports again unchanged.

        It may be in use meanwhile. Secrets are left out. A file that is there is replaced once the
        archive is whole. Raises NotFound without its folder, Unavailable without room.
        """
        return exporting.export_archive(self._store, Path(path), on_progress)


def check_archive(path: str | Path) -> ArchiveCheck:
    """What is in an archive, each of whose files is read and compared with its SHA-256.

    Raises NotFound, Invalid when it is no archive, Refused when a newer program wrote it.
    """
    archive = ArchiveReader(Path(path))
    try:
        read = archive.manifest
        problems = tuple(problem for file in read.files if (problem := archive.verify(file)))
        return ArchiveCheck(
            read.program,
            read.schema,
            read.as_of,
            len(read.tables),
            read.rows,
            len(read.files),
            read.unpacked,
            archive.digest,
            read.left_out,
            problems,
        )
    finally:
        archive.close()
