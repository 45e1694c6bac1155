"""Archives of a workspace as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from pilothouse.data.personal_data.personal_columns import require_right_where_any
from pilothouse.interop.archives import export_archive as exporting
from pilothouse.interop.archives.archive_contents import LeftOut
from pilothouse.interop.archives.archive_file import ArchiveReader
from pilothouse.interop.archives.export_archive import ArchiveInfo, ArchivePreview
from pilothouse.interop.archives.export_job import KIND, KeptArchive, newest_archive
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.errors import Conflict
from pilothouse.storage.service import Service

ARCHIVED = "a workspace with personal data is archived"


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
        archive is whole. Personal data is in it unmasked: where there is any, Refused without the
        right `personal_data`. Raises NotFound without its folder, Unavailable without room.
        """
        with self._store.write() as session:
            require_right_where_any(session, self._store, ARCHIVED)
        return exporting.export_archive(self._store, Path(path), on_progress)

    def start(self) -> str:
        """Submit a job that writes the archive into the workspace's folder; the job's id.

        It replaces the one that was written so before. Raises Conflict while one is being written,
        and where there is personal data Refused without the right `personal_data`.
        """
        with self._store.write() as session:
            require_right_where_any(session, self._store, ARCHIVED)
            active = select(Job.id).where(Job.kind == KIND, col(Job.status).not_in(ENDED))
            if session.exec(active).first() is not None:
                raise Conflict("an archive is being written already.")
            return submit(session, self._store, KIND, {}, title="Archive of the workspace")

    def newest(self) -> KeptArchive | None:
        """The archive that the last job has written; None when there is none."""
        with self._store.read() as session:
            return newest_archive(session, self._store)


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
