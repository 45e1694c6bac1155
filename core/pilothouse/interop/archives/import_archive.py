"""Importing an archive into a new workspace, all of it or nothing.

With SQLite everything is written to a folder beside the new one, which gets its name at the end.
With PostgreSQL the rows are one transaction, at whose commit the workspace is there. A killed
import leaves nothing that anybody opens, and is done again from the start.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.activity.chain import UNREADABLE, seal_all
from pilothouse.interop.archives.archive_contents import ARTIFACT_PATH, README, TABLES, all_tables
from pilothouse.interop.archives.archive_file import ArchiveReader
from pilothouse.interop.archives.import_target import ImportTarget
from pilothouse.interop.archives.inserting import insert_tables, require_same_tables
from pilothouse.interop.archives.settling import seal_blanked_rows, settle
from pilothouse.kit.clock import Clock
from pilothouse.kit.errors import Invalid, Refused, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.storage.migrate import HEAD, upgrade_to

IMPORTED = "imported"
TABLE_FACTOR = 8  # bytes of the database for each one of its compressed tables, roughly
SPARE_BYTES = 256 << 20
OnProgress = Callable[[float, str], None]
Phase = Callable[[Session], None]


@dataclass(frozen=True)
class ImportedArchive:
    """A workspace that was imported; `to_do` is what a person has to set again, a line each."""

    workspace: Path
    rows: int
    files: int
    bytes: int
    migrated_from: str
    to_do: tuple[str, ...]


def import_archive(
    path: Path,
    settings: Settings,
    *,
    manifest: str = "",
    trust: bool = False,
    clock: Clock | None = None,
    on_progress: OnProgress = lambda _share, _message: None,
) -> ImportedArchive:
    """Import an archive into the workspace of the settings, which is new or empty.

    It holds code, such as models, that the workspace will run: `manifest` is the SHA-256 that its
    export has printed, or `trust` says that its maker is known. Raises Refused without either and
    for an archive of a newer program, Conflict when the workspace is not empty, Invalid for what
    is no whole archive, Unavailable without room.
    """
    archive = ArchiveReader(path)
    try:
        if archive.manifest.schema == HEAD:
            require_same_tables(archive.manifest, all_tables())
        require_trust(archive, manifest, trust)
        target = ImportTarget(settings, clock)
        target.require_empty()
        _require_room(archive, target.parent)
        with target.staged() as store:
            _unpack(archive, store, on_progress)
            to_do = _fill(archive, store, replace(store, folder=settings.folder), on_progress)
    finally:
        archive.close()
    read = archive.manifest
    old = "" if read.schema == HEAD else read.schema
    return ImportedArchive(settings.folder, read.rows, len(read.files), read.unpacked, old, to_do)


def require_trust(archive: ArchiveReader, manifest: str, trust: bool) -> None:
    """Raise Refused unless somebody vouches for what an archive has."""
    if manifest and manifest.lower() != archive.digest:
        raise Refused(
            f"the SHA-256 of the manifest of this archive is {archive.digest}.",
            hint="It is not the archive whose digest was given.",
        )
    if not manifest and not trust:
        raise Refused(
            "an archive holds models and checks, which are code that the new workspace runs.",
            hint="Give the SHA-256 that its export has printed with --manifest, or --trust when "
            "you know who made it.",
        )


def _require_room(archive: ArchiveReader, folder: Path) -> None:
    """Raise Unavailable when the disk has too little room for what the manifest lists."""
    files = archive.manifest.files
    tables = sum(file.bytes for file in files if file.path.startswith(f"{TABLES}/"))
    needed = archive.manifest.unpacked + TABLE_FACTOR * tables + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            f"the workspace takes about {needed / 1e9:.2f} GB, and {folder} has "
            f"{free / 1e9:.2f} GB free.",
            hint="Make room, or choose a folder on another disk with --workspace.",
        )


def _unpack(archive: ArchiveReader, store: Store, on_progress: OnProgress) -> None:
    """Write every file but those of the tables to its target."""
    whole, done = max(archive.manifest.unpacked, 1), 0
    partial = store.folder / "run" / "unpacked"
    for file in archive.manifest.files:
        if file.path.startswith(f"{TABLES}/") or file.path == README:
            continue
        artifact = ARTIFACT_PATH.fullmatch(file.path)
        if artifact is not None:
            archive.unpack(file, partial)
            store.artifacts.put_file(partial)
        else:
            target = store.folder / file.path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            archive.unpack(file, target)
        done += file.bytes
        on_progress(0.5 * done / whole, "files")
    partial.unlink(missing_ok=True)


def _fill(
    archive: ArchiveReader, store: Store, named: Store, on_progress: OnProgress
) -> tuple[str, ...]:
    """Write the rows into the schema that they are of, bring it up to date, and settle it.

    `named` is the store under the name that its workspace will have, for the audit log.
    """
    to_do: list[str] = []

    def insert(session: Session) -> None:
        upgrade_to(session, archive.manifest.schema)
        insert_tables(archive, session, store, on_progress)

    def migrate(session: Session) -> None:
        if archive.manifest.schema != HEAD:
            upgrade_to(session, "head")
            all_tables()
            seal_all(session, named)

    def finish(session: Session) -> None:
        after = {"manifest": archive.digest, "entries": archive.manifest.entries}
        record(session, named, IMPORTED, "workspace", named.folder.name, after=after)
        seal_blanked_rows(session)
        to_do.extend(settle(session, named))

    try:
        _run_phases(store, (insert, migrate, finish))
    except IntegrityError as broken:
        raise Invalid(
            f"the tables of the archive do not fit together: {broken.orig}.",
            hint="Run `pilothouse doctor` where it was exported, and export it again.",
        ) from broken
    except (SQLAlchemyError, *UNREADABLE) as broken:
        raise Invalid(f"the rows of the archive cannot be stored: {broken}.") from broken
    return tuple(to_do)


def _run_phases(store: Store, phases: tuple[Phase, ...]) -> None:
    """In one transaction where others see the database; in one each in a file that nobody does.

    SQLite checks at a commit whether rows that name others find them, and a migration must not
    begin before that.
    """
    if not store.is_sqlite:
        with store.write(durable=True) as session:
            for phase in phases:
                phase(session)
        return
    for phase in phases:
        with store.write() as session:
            phase(session)
