"""The archive that a job writes into the folder of the workspace; the newest one is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.interop.archives.export_archive import export_archive
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import SUCCEEDED, Job
from pilothouse.kit.folders import PRIVATE_FOLDER
from pilothouse.storage import Store

KIND, FOLDER = "export_archive", "archives"


@dataclass(frozen=True)
class KeptArchive:
    """An archive in the folder of its workspace; `manifest` is the SHA-256 of its manifest."""

    path: Path
    bytes: int
    manifest: str
    made_at: datetime | None
    job: str


def export_job(store: Store, progress: Progress) -> dict[str, Any]:
    """Write the archive; its facts."""
    path = kept_path(store)
    path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    for left in path.parent.glob("*.part"):  # of a job that was killed
        left.unlink(missing_ok=True)
    facts = asdict(export_archive(store, path, progress))
    return {name: facts[name] for name in ("rows", "files", "bytes", "manifest")}


def kept_path(store: Store) -> Path:
    """Where the newest archive lies, when a job has written one."""
    return store.folder / FOLDER / f"{store.folder.name}.zip"


def newest_archive(session: Session, store: Store) -> KeptArchive | None:
    """The archive that the last job has written, when its file is there."""
    query = select(Job).where(Job.kind == KIND, Job.status == SUCCEEDED)
    job = session.exec(query.order_by(col(Job.ended_at).desc()).limit(1)).first()
    path = kept_path(store)
    if job is None or job.result is None or not path.exists():
        return None
    return KeptArchive(
        path, int(job.result["bytes"]), str(job.result["manifest"]), job.ended_at, job.id
    )
