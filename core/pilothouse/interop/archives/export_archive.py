"""Writing a workspace as an archive, while it is in use.

The tables are of one snapshot. Files follow it: artifacts are only ever added, so every file that
a row names is there; the prediction log stands still meanwhile, but for new rows. Nothing in the
archive says when or where it was written: the same workspace gives the same bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as release
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from pilothouse.activity import anchor, record
from pilothouse.activity.chain import GENESIS
from pilothouse.activity.tables import ActivityEntry
from pilothouse.data.personal_data.personal_columns import all_columns
from pilothouse.interop.archives.archive_contents import (
    ARTIFACTS,
    LEFT_OUT,
    README,
    LeftOut,
    all_tables,
)
from pilothouse.interop.archives.archive_file import ArchiveWriter
from pilothouse.interop.archives.archive_manifest import ArchivedTable, ArchiveManifest
from pilothouse.interop.archives.archive_readme import readme
from pilothouse.interop.archives.table_files import columns_of, write_table
from pilothouse.interop.archives.workspace_files import (
    KeptFile,
    add_kept_file,
    anchor_bytes,
    kept_files,
    steady_log,
)
from pilothouse.kit.errors import NotFound, PilothouseError, Unavailable
from pilothouse.storage import Store
from pilothouse.storage.migrate import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table as SqlTable

EXPORTED = "exported"
SPARE_BYTES = 64 << 20  # of the disk, which others need meanwhile
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class ArchiveInfo:
    """An archive that was written. `manifest` is the SHA-256 of its manifest, which proves it.

    `bytes` is the size of the archive, `unpacked` that of what it has.
    """

    path: Path
    tables: int
    rows: int
    files: int
    bytes: int
    unpacked: int
    manifest: str
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ArchivePreview:
    """What an archive of a workspace would have: rows of its tables, files and their bytes."""

    rows: int
    artifacts: int
    files: int
    bytes: int
    left_out: tuple[LeftOut, ...]
    personal: tuple[str, ...] = ()  # columns whose personal data is in it, unmasked


def preview(store: Store) -> ArchivePreview:
    """What an archive would have; nothing is written."""
    with store.read() as session:
        rows = sum(_count(session, table) for table in all_tables())
        personal = all_columns(session)
    sizes = artifact_sizes(store)
    files = kept_files(store.folder)
    total = database_bytes(store) + sum(sizes.values()) + sum(item.bytes for item in files)
    return ArchivePreview(rows, len(sizes), len(files), total, LEFT_OUT, personal)


def export_archive(
    store: Store, path: Path, on_progress: OnProgress = lambda _share, _message: None
) -> ArchiveInfo:
    """Write the workspace as an archive, and an entry with its digest to the audit log.

    A file that is there is replaced once the archive is whole. Raises Unavailable without room.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        manifest, digest = write_archive(store, partial, on_progress)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    after = {"manifest": digest, "entries": manifest.entries, "rows": manifest.rows}
    with store.write(durable=True) as session:
        record(session, store, EXPORTED, "workspace", store.folder.name, after=after)
    return ArchiveInfo(
        path,
        len(manifest.tables),
        manifest.rows,
        len(manifest.files),
        path.stat().st_size,
        manifest.unpacked,
        digest,
        manifest.left_out,
    )


def artifact_sizes(store: Store) -> dict[str, int]:
    """The bytes of every artifact, by digest."""
    return {digest: store.artifacts.size(digest) for digest in sorted(store.artifacts.digests())}


def database_bytes(store: Store) -> int:
    """The size of the database."""
    with store.read() as session:
        if store.is_sqlite:
            pages, size = (
                session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "page_size")
            )
            return int(pages * size)
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def write_archive(
    store: Store, path: Path, on_progress: OnProgress = lambda _share, _message: None
) -> tuple[ArchiveManifest, str]:
    """Write the archive alone; its manifest, and the SHA-256 of that."""
    with steady_log(store), _writing(path) as archive:
        anchors = anchor_bytes(store)  # first: it may be behind the log, never ahead of it
        with store.read() as session:
            entries, head, as_of = _newest_entry(session)
            files, sizes = kept_files(store.folder), artifact_sizes(store)
            work = _Work(database_bytes(store), files, sizes, on_progress)
            work.require_room(path)
            archive.add(README, readme(as_of))
            tables = [_add_table(archive, session, table, work) for table in all_tables()]
            counters = _counters(session)
            sizes |= {d: store.artifacts.size(d) for d in store.artifacts.digests()}
        lost = _add_artifacts(archive, store, sorted(sizes), work)
        for item in kept_files(store.folder):
            add_kept_file(archive, item)
            work.done(item.bytes, item.path.partition("/")[0])
        if anchors:
            archive.add(anchor.FILE, anchors)
        manifest = ArchiveManifest(
            program=release("pilothouse"),
            schema=HEAD,
            as_of=as_of,
            entries=entries,
            head=head,
            counters=counters,
            tables=tuple(tables),
            left_out=(*LEFT_OUT, *lost),
            files=tuple(archive.files),
        )
        return manifest, archive.close(manifest)


class _Work:
    """How much is to be written, and how much of it is."""

    def __init__(
        self,
        database: int,
        files: Sequence[KeptFile],
        sizes: dict[str, int],
        on_progress: OnProgress,
    ) -> None:
        self._database = database
        self._whole = database + sum(item.bytes for item in files) + sum(sizes.values())
        self._done = 0
        self._on_progress = on_progress

    def require_room(self, path: Path) -> None:
        """Raise Unavailable when the disk has less room than everything takes unpacked."""
        free = shutil.disk_usage(path.parent).free
        if free < self._whole + SPARE_BYTES:
            raise Unavailable(
                f"the archive takes up to {self._whole / 1e9:.2f} GB, and {path.parent} has "
                f"{free / 1e9:.2f} GB free.",
                hint="Make room, or write it to another disk.",
            )

    def table(self, tables: int, name: str) -> None:
        """A table is written; all of them are as much as the database has bytes."""
        self.done(self._database // max(tables, 1), name)

    def done(self, size: int, message: str) -> None:
        """So many bytes more are written."""
        self._done += size
        self._on_progress(min(self._done / max(self._whole, 1), 0.99), message)


@contextmanager
def _writing(path: Path) -> Iterator[ArchiveWriter]:
    try:
        archive = ArchiveWriter(path)
    except FileNotFoundError as absent:
        raise NotFound(f"there is no folder {path.parent}.") from absent
    try:
        yield archive
    except BaseException:
        archive.abandon()
        raise


def _add_table(
    archive: ArchiveWriter, session: Session, table: SqlTable, work: _Work
) -> ArchivedTable:
    path = f"tables/{table.name}.parquet"
    with tempfile.TemporaryDirectory(prefix="pilothouse-archive-") as folder:
        file = Path(folder) / "table.parquet"
        rows = write_table(session, table, file)
        with file.open("rb") as source:
            archive.copy(path, source)
    work.table(len(table.metadata.tables), table.name)
    return ArchivedTable(table.name, path, rows, columns_of(table))


def _add_artifacts(
    archive: ArchiveWriter, store: Store, digests: Sequence[str], work: _Work
) -> list[LeftOut]:
    """Write every artifact that is whole; those that are not are left out, and said to be."""
    lost = []
    for digest in digests:
        try:
            path = store.artifacts.local_path(digest)
        except PilothouseError as damaged:
            lost.append(LeftOut(f"artifact {digest}", damaged.message))
            continue
        with path.open("rb") as source:
            archive.copy(f"{ARTIFACTS}/{digest[:2]}/{digest}", source)
        work.done(path.stat().st_size, "files of runs and datasets")
    return lost


def _newest_entry(session: Session) -> tuple[int, str, str]:
    """How long the audit log is, the hash of its newest entry, and when that was written."""
    query = select_rows(ActivityEntry).order_by(col(ActivityEntry.seq).desc()).limit(1)
    entry = session.exec(query).first()
    if entry is None:
        return 0, GENESIS, ""
    return entry.seq or 0, entry.hash, entry.at.isoformat()


def _counters(session: Session) -> dict[str, int]:
    """The highest number ever given in tables that never give a number twice."""
    counters = {}
    for table in all_tables():
        if not table.dialect_options["sqlite"]["autoincrement"]:
            continue
        key = next(iter(table.primary_key.columns)).name
        counters[table.name] = _counter(session, table.name, key)
    return counters


def _counter(session: Session, table: str, key: str) -> int:
    names: dict[str, Any] = {"name": table, "key": key}
    if session.connection().dialect.name == "sqlite":
        query = text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
    else:
        query = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:name, :key)::regclass)")
    return int(session.scalar(query, names) or 0)


def _count(session: Session, table: SqlTable) -> int:
    return int(session.execute(select(func.count()).select_from(table)).scalar_one())
