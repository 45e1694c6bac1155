"""Reports of windows: requested by a person, rendered by a job, stored as artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.jobs import submit
from pilothouse.jobs.tables import SUCCEEDED, Job
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring import window_store
from pilothouse.monitoring.deleted_rows import refuse_deleted_rows
from pilothouse.monitoring.tables import DriftReport, Window
from pilothouse.monitoring.windows import Span, start_text
from pilothouse.storage import Store

READY = "ready"
KIND = "drift_report"


@dataclass(frozen=True)
class ReportInfo:
    """A report: `status` is ready, or that of its job; `sampling` says which rows it shows."""

    id: str
    window_id: str
    status: str
    error: str
    digest: str | None
    bytes: int
    rows: int
    reference_rows: int
    sampling: Mapping[str, Any]
    job_id: str
    requested_by: str
    created_at: datetime
    made_at: datetime | None


@dataclass(frozen=True)
class RenderedReport:
    """A rendered report, and the rows it is based on."""

    digest: str
    bytes: int
    rows: int
    reference_rows: int
    sampling: dict[str, Any]


def request(session: Session, store: Store, window_id: str) -> str:
    """Ask for Evidently's report of a window and return the report's id.

    Raises NotFound, Conflict for a window of which retention has deleted rows.
    """
    window = window_store.require(session, window_id)
    refuse_deleted_rows(session, window.deployment, Span(window.start, window.end))
    report_id = uuid7(to_ms(store.now()))
    title = _title(window)
    job = submit(
        session, store, KIND, {"report": report_id}, title=title, subject=("report", report_id)
    )
    session.add(
        DriftReport(
            id=report_id,
            window_id=window_id,
            job_id=job,
            requested_by=store.actor,
            created_at=store.now(),
        )
    )
    session.flush()
    record(session, store, "requested", "report", report_id, name=title)

    return report_id


def store_report(session: Session, store: Store, report_id: str, made: RenderedReport) -> None:
    """Store the result of rendering a report."""
    report = require(session, report_id)
    report.digest, report.bytes, report.rows = made.digest, made.bytes, made.rows
    report.reference_rows, report.sampling = made.reference_rows, made.sampling
    report.made_at = store.now()
    session.add(report)
    session.flush()
    after = {"bytes": made.bytes, "rows": made.rows, "digest": made.digest}
    title = _title(window_store.require(session, report.window_id))
    record(session, store, "made", "report", report_id, name=title, after=after)


def _title(window: Window) -> str:
    began = start_text(window.start, window.end, window.zone)
    return f"Drift report of {window.deployment} from {began}"


def require(session: Session, report_id: str) -> DriftReport:
    """The report's row. Raises NotFound."""
    report = session.get(DriftReport, report_id)
    if report is None:
        raise NotFound(f"there is no report {report_id!r}.")
    return report


def info(session: Session, report_id: str) -> ReportInfo:
    """The current state of a report. Raises NotFound."""
    report = require(session, report_id)
    return _info(report, session.get(Job, report.job_id))


def reports_of_window(session: Session, window_id: str) -> list[ReportInfo]:
    """The reports of a window, newest first."""
    query = (
        select(DriftReport)
        .where(DriftReport.window_id == window_id)
        .order_by(col(DriftReport.id).desc())
    )
    return [_info(report, session.get(Job, report.job_id)) for report in session.exec(query)]


def html(session: Session, store: Store, report_id: str) -> bytes:
    """The page of a report. Raises NotFound, or Unavailable while there is none."""
    report = info(session, report_id)
    if report.digest is None:
        raise Unavailable(
            f"the report is {report.status}{': ' + report.error if report.error else ''}.",
            hint="Wait for its job, or ask for another.",
        )
    return store.artifacts.read(report.digest)


def _info(report: DriftReport, job: Job | None) -> ReportInfo:
    status = READY if report.digest else (job.status if job else "failed")
    if status == SUCCEEDED:
        status = "failed"
    return ReportInfo(
        id=report.id,
        window_id=report.window_id,
        status=status,
        error=job.error if job else "",
        digest=report.digest,
        bytes=report.bytes,
        rows=report.rows,
        reference_rows=report.reference_rows,
        sampling=report.sampling,
        job_id=report.job_id,
        requested_by=report.requested_by,
        created_at=report.created_at,
        made_at=report.made_at,
    )
