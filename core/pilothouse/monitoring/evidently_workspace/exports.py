"""Exports of windows as an Evidently workspace: asked for, written by a job, kept as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.jobs import submit
from pilothouse.jobs.tables import SUCCEEDED, Job
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, NotFound, Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring import monitors
from pilothouse.monitoring.tables import EvidentlyExport, Window
from pilothouse.storage import Store

JOB, SUBJECT = "export_evidently", "evidently_export"
MAX_WINDOWS = 500
READY = "ready"


@dataclass(frozen=True)
class EvidentlyExportInfo:
    """An export: `status` is ready, or that of its job. `bytes` is the size of its zip."""

    id: str
    deployment: str
    start: datetime
    end: datetime
    status: str
    error: str
    windows: int
    bytes: int
    job_id: str
    requested_by: str
    created_at: datetime
    made_at: datetime | None


def request(
    session: Session, store: Store, deployment: str, start: datetime | None, end: datetime | None
) -> str:
    """Ask for the export of the windows that begin from `start` to before `end`; its id.

    Raises NotFound without a monitor or such a window, Invalid for an empty or too long span.
    """
    monitors.require(session, deployment)
    if start is not None and end is not None and end <= start:
        raise Invalid("the span ends before it begins.", fields={"end": "after the start"})
    windows = windows_of(session, deployment, start, end)
    if not windows:
        raise NotFound(
            f"{deployment} has no evaluated window in this span.",
            hint="Evaluate its windows first, or choose another span.",
        )
    if len(windows) > MAX_WINDOWS:
        raise Invalid(
            f"there are {len(windows):,} windows, and an export has at most {MAX_WINDOWS}.",
            hint="Choose a shorter span.",
            fields={"start": "later"},
        )
    export_id = uuid7(to_ms(store.now()))
    title = f"Export windows of {deployment} to Evidently"
    job = submit(
        session, store, JOB, {"export": export_id}, title=title, subject=(SUBJECT, deployment)
    )
    row = EvidentlyExport(
        id=export_id,
        deployment=deployment,
        start=windows[0].start,
        end=end or max(window.end for window in windows),
        windows=len(windows),
        job_id=job,
        requested_by=store.actor,
        created_at=store.now(),
    )
    session.add(row)
    session.flush()
    record(session, store, "requested", SUBJECT, export_id, name=title)
    return export_id


def windows_of(
    session: Session, deployment: str, start: datetime | None, end: datetime | None
) -> list[Window]:
    """The windows that begin in a span, oldest first; those that were removed are left out."""
    query = select(Window).where(
        Window.deployment == deployment, col(Window.removed_at).is_(None), Window.rows > 0
    )
    if start is not None:
        query = query.where(col(Window.start) >= start)
    if end is not None:
        query = query.where(col(Window.start) < end)
    return list(session.exec(query.order_by(col(Window.start), col(Window.version))))


def require(session: Session, export_id: str) -> EvidentlyExport:
    """The row of an export. Raises NotFound."""
    row = session.get(EvidentlyExport, export_id)
    if row is None:
        raise NotFound(f"there is no export {export_id!r}.")
    return row


def store_export(
    session: Session, store: Store, export_id: str, windows: int, digest: str, size: int
) -> None:
    """Keep the file of an export, and how many windows are in it."""
    row = require(session, export_id)
    row.windows, row.digest, row.bytes, row.made_at = windows, digest, size, store.now()
    session.add(row)
    session.flush()
    after = {"digest": digest, "bytes": size, "windows": row.windows}
    title = f"Export windows of {row.deployment} to Evidently"
    record(session, store, "made", SUBJECT, export_id, name=title, after=after)


def info(session: Session, export_id: str) -> EvidentlyExportInfo:
    """The present state of an export. Raises NotFound."""
    row = require(session, export_id)
    return _info(row, session.get(Job, row.job_id))


def exports_of(session: Session, deployment: str) -> list[EvidentlyExportInfo]:
    """The exports of a deployment, newest first."""
    query = (
        select(EvidentlyExport)
        .where(EvidentlyExport.deployment == deployment)
        .order_by(col(EvidentlyExport.id).desc())
    )
    return [_info(row, session.get(Job, row.job_id)) for row in session.exec(query)]


def zip_bytes(session: Session, store: Store, export_id: str) -> bytes:
    """The workspace as a zip. Raises NotFound, or Unavailable while there is none."""
    row = require(session, export_id)
    if row.digest is None:
        state = _info(row, session.get(Job, row.job_id))
        raise Unavailable(
            f"the export is {state.status}{': ' + state.error if state.error else ''}.",
            hint="Wait for its job, or ask for another.",
        )
    return store.artifacts.read(row.digest)


def _info(row: EvidentlyExport, job: Job | None) -> EvidentlyExportInfo:
    status = READY if row.digest else (job.status if job else "failed")
    if status == SUCCEEDED:
        status = "failed"
    return EvidentlyExportInfo(
        row.id,
        row.deployment,
        row.start,
        row.end,
        status,
        job.error if job else "",
        row.windows,
        row.bytes,
        row.job_id,
        row.requested_by,
        row.created_at,
        row.made_at,
    )
