"""A workspace beside the one that its archive was imported into, and archives that were changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import text

from pilothouse.activity import record
from pilothouse.deployments.prediction_log.column_hashes import KEY_FILE
from pilothouse.interop.archives.archive_contents import BLANKED, LEFT_OUT_TABLES, MANIFEST
from pilothouse.interop.archives.export_archive import write_archive
from pilothouse.interop.archives.import_archive import IMPORTED, ImportedArchive, import_archive
from pilothouse.interop.archives.settling import seal_blanked_rows, settle
from pilothouse.kit.clock import Clock
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

NOT_COPIED = ("run", "workflows.db", "secrets", "index", "cache", "archives", KEY_FILE)
Change = Callable[[dict[str, bytes], dict[str, Any]], object]


@dataclass(frozen=True)
class ArchivedWorkspace:
    """A workspace as an import must leave it, made without one; and what the import has made."""

    expected: Workspace
    imported: Workspace
    archive: Path
    digest: str
    report: ImportedArchive


def archived(source: Path, folder: Path, clock: Clock, database_url: str = "") -> ArchivedWorkspace:
    """Export a closed workspace and import it; both are opened under the same name and clock."""
    copy, new = folder / "expected" / "workspace", folder / "imported" / "workspace"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    expected = open_workspace(settings=Settings(workspace=copy, actor="ada"), clock=clock)
    manifest, digest = write_archive(expected.store, folder / "archive.zip")
    settings = Settings(workspace=new, actor="ada", database_url=database_url)
    report = import_archive(folder / "archive.zip", settings, manifest=digest, clock=clock)
    _settle(expected, {"manifest": digest, "entries": manifest.entries})
    imported = open_workspace(settings=settings, clock=clock)
    return ArchivedWorkspace(expected, imported, folder / "archive.zip", digest, report)


def _settle(workspace: Workspace, after: dict[str, Any]) -> None:
    """What an import does to a workspace, beside bringing its rows and its files."""
    store = workspace.store
    with store.write() as session:
        for name in LEFT_OUT_TABLES:
            session.execute(text(f"DELETE FROM {name}"))
        for (table, column), blank in BLANKED.items():
            for (value,) in session.execute(text(f"SELECT DISTINCT {column} FROM {table}")).all():
                query = text(f"UPDATE {table} SET {column} = :new WHERE {column} = :old")
                session.execute(query, {"old": value, "new": blank(value)})
    with store.write() as session:
        record(session, store, IMPORTED, "workspace", store.folder.name, after=after)
        seal_blanked_rows(session)
        settle(session, store)


def rewritten(archive: Path, target: Path, change: Change, *, rehash: bool = False) -> Path:
    """A copy of an archive whose files and manifest somebody has changed."""
    with zipfile.ZipFile(archive) as source:
        files = {name: source.read(name) for name in source.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    change(files, manifest)
    if rehash:
        manifest["files"] = [
            {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in files.items()
        ]
    with zipfile.ZipFile(target, "w") as out:
        for path, data in files.items():
            out.writestr(path, data)
        out.writestr(MANIFEST, json.dumps(manifest))
    return target
