"""What was deleted of a deployment's prediction log: when, by whom, why, and how many rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.deployments.prediction_log.row_removal import LogCut, RemovedRows
from pilothouse.deployments.tables import LogDeletion
from pilothouse.kit.ids import uuid7
from pilothouse.storage import Store

RETENTION = "retention"
MAX_LISTED = 100


@dataclass(frozen=True)
class LogDeletionInfo:
    """Rows that were deleted of a log. `before`: those of events before it, by retention."""

    id: str
    kind: str
    before: datetime | None
    predictions: int
    labels: int
    requests: int
    files: int
    at: datetime
    by: str
    reason: str


def deleted_before(session: Session, deployment: str) -> datetime | None:
    """The event time before which rows were deleted by retention; None when none were."""
    query = select(func.max(LogDeletion.before)).where(
        LogDeletion.deployment == deployment, LogDeletion.kind == RETENTION
    )
    return session.exec(query).one()


def deletions(session: Session, deployment: str) -> list[LogDeletionInfo]:
    """What was deleted of a log, the newest first."""
    query = select(LogDeletion).where(LogDeletion.deployment == deployment)
    rows = session.exec(query.order_by(col(LogDeletion.at).desc()).limit(MAX_LISTED))
    return [_info(row) for row in rows]


def record_retention(
    session: Session, store: Store, deployment: str, cut: LogCut, removed: RemovedRows
) -> None:
    """Record what is about to be deleted, once for each cut.

    It is recorded before, so that no window is judged by what is left of its rows when the worker
    is killed in between; the next clean-up deletes the rest.
    """
    query = select(LogDeletion.id).where(
        LogDeletion.deployment == deployment,
        LogDeletion.kind == RETENTION,
        LogDeletion.before == cut.events,
        LogDeletion.received_before == cut.received,
    )
    if session.exec(query).first() is not None:
        return
    counts: dict[str, Any] = vars(removed)
    session.add(
        LogDeletion(
            id=uuid7(),
            deployment=deployment,
            kind=RETENTION,
            before=cut.events,
            received_before=cut.received,
            at=store.now(),
            by=store.actor,
            reason=f"received before {cut.received:%Y-%m-%d}",
            **counts,
        )
    )
    after = counts | {"events_before": f"{cut.events:%Y-%m-%d}"}
    record(session, store, "log_rows_deleted", "deployment", deployment, after=after)


def _info(row: LogDeletion) -> LogDeletionInfo:
    return LogDeletionInfo(
        row.id, row.kind, row.before, row.predictions, row.labels, row.requests, row.files,
        row.at, row.by, row.reason,
    )  # fmt: skip
