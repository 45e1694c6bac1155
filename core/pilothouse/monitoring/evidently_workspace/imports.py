"""Snapshots that Evidently made, kept beside the windows of a deployment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring import monitors
from pilothouse.monitoring.checks import FEATURE_DRIFT, PREDICTION_DRIFT
from pilothouse.monitoring.evidently_workspace.snapshot_files import SnapshotFile, Unreadable
from pilothouse.monitoring.evidently_workspace.snapshot_reading import (
    DRIFT,
    EvidentlyFigure,
    ReadSnapshot,
    read_snapshot,
)
from pilothouse.monitoring.tables import (
    CheckResult,
    EvidentlySnapshot,
    Window,
    of_newest_revision,
)
from pilothouse.monitoring.windows import zone_named
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

SUBJECT = "evidently_snapshots"
ADDED, EXISTED, SKIPPED = "added", "existed", "skipped"
REPORT = ("file", "project", "outcome", "at", "figures", "reason")
SNAPSHOTS = (
    *("id", "at", "name", "project", "figures", "columns", "drifted", "failed"),
    *("tags", "imported_at", "imported_by"),
)
FIGURES = (
    *("metric", "column", "part", "method", "value", "threshold", "status", "message"),
    *("our_check", "our_score", "our_limit", "our_status", "window"),
)


@dataclass(frozen=True)
class SnapshotImport:
    """What an import did: how many snapshots were added, were there before, and were left out.

    `rows` has each file with its outcome and its reason, in the order of their names.
    """

    added: int
    existed: int
    skipped: int
    rows: tuple[tuple[str, str, str, datetime | None, int, str], ...]

    def frame(self) -> pd.DataFrame:
        """The rows as a frame of `REPORT`."""
        import pandas as pd

        result = pd.DataFrame(list(self.rows), columns=list(REPORT))
        result["at"] = pd.to_datetime(result["at"], utc=True)
        return result


def import_snapshots(
    session: Session, store: Store, deployment: str, files: Iterable[SnapshotFile | Unreadable]
) -> SnapshotImport:
    """Keep the snapshots in files; one whose content is there already adds nothing.

    Raises NotFound when nobody monitors the deployment.
    """
    zone = zone_named(monitors.monitor_info(session, deployment).config.zone)
    rows: list[tuple[str, str, str, datetime | None, int, str]] = []
    for file in files:
        if isinstance(file, Unreadable):
            rows.append((file.name, "", SKIPPED, None, 0, file.reason))
            continue
        try:
            snapshot = read_snapshot(file.content, zone)
        except Invalid as refused:
            rows.append((file.name, file.project, SKIPPED, None, 0, refused.message))
            continue
        outcome, reason = _keep(session, store, deployment, file, snapshot)
        count = len(snapshot.figures)
        about = (snapshot.timestamp, count, reason or _left_out(snapshot))
        rows.append((file.name, file.project, outcome, *about))
    counts = {
        outcome: sum(row[2] == outcome for row in rows) for outcome in (ADDED, EXISTED, SKIPPED)
    }
    if counts[ADDED]:
        record(session, store, "imported", SUBJECT, deployment, after=counts)
    return SnapshotImport(counts[ADDED], counts[EXISTED], counts[SKIPPED], tuple(rows))


def _keep(
    session: Session, store: Store, deployment: str, file: SnapshotFile, snapshot: ReadSnapshot
) -> tuple[str, str]:
    if snapshot.exported_from:
        return SKIPPED, "it is an export of a window of Pilothouse"
    if not snapshot.figures:
        return SKIPPED, "it holds no numbers"
    content = hashlib.sha256(file.content).hexdigest()
    same = select(EvidentlySnapshot.id).where(
        EvidentlySnapshot.deployment == deployment, EvidentlySnapshot.content == content
    )
    if session.exec(same).first() is not None:
        return EXISTED, ""
    session.add(
        EvidentlySnapshot(
            id=uuid7(to_ms(store.now())),
            deployment=deployment,
            project=file.project,
            name=snapshot.name,
            at=snapshot.timestamp,
            tags=list(snapshot.tags),
            details=dict(snapshot.metadata),
            figures=[figure.to_json() for figure in snapshot.figures],
            content=content,
            imported_at=store.now(),
            imported_by=store.actor,
        )
    )
    session.flush()
    return ADDED, ""


def _left_out(snapshot: ReadSnapshot) -> str:
    if not snapshot.skipped:
        return ""
    names = ", ".join(f"{name} ({count})" for name, count in sorted(snapshot.skipped.items()))
    return f"metrics without numbers are left out: {names}"[:300]


def snapshots(session: Session, deployment: str) -> pd.DataFrame:
    """The snapshots of a deployment, oldest first: a frame of `SNAPSHOTS`."""
    import pandas as pd

    query = (
        select(EvidentlySnapshot)
        .where(EvidentlySnapshot.deployment == deployment)
        .order_by(col(EvidentlySnapshot.at), col(EvidentlySnapshot.id))
    )
    rows = []
    for row in session.exec(query):
        failed = [figure for figure in row.figures if figure["status"] == "fail"]
        columns, drifted = (
            len({figure["column"] for figure in part if figure["metric"] == DRIFT})
            for part in (row.figures, failed)
        )
        counts = (len(row.figures), columns, drifted, len(failed))
        who = (", ".join(row.tags), row.imported_at, row.imported_by)
        rows.append((row.id, row.at, row.name, row.project, *counts, *who))
    frame = pd.DataFrame(rows, columns=list(SNAPSHOTS))
    for name in ("at", "imported_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def figures(session: Session, snapshot_id: str) -> pd.DataFrame:
    """The figures of a snapshot beside ours of the window that its time lies in.

    A frame of `FIGURES`. The drift of a column stands beside the check that decides on it here.
    Raises NotFound.
    """
    import pandas as pd

    row = require(session, snapshot_id)
    window = window_at(session, row.deployment, row.at)
    deciding = _deciding(session, window) if window is not None else {}
    rows = []
    for values in row.figures:
        figure = EvidentlyFigure(**values)
        check = deciding.get(figure.column) if figure.metric == DRIFT else None
        beside: tuple[Any, ...] = (None, None, None, None, None)
        if check is not None and window is not None:
            beside = (check.check, check.score, check.threshold, check.status, window.id)
        rows.append((*vars(figure).values(), *beside))
    frame = pd.DataFrame(rows, columns=list(FIGURES))
    for name in ("value", "threshold", "our_score", "our_limit"):
        frame[name] = pd.to_numeric(frame[name])
    return frame


def window_at(session: Session, deployment: str, at: datetime) -> Window | None:
    """The window that a time lies in, of several the one with most rows; at its end, too.

    Evidently's runs have the time that somebody gave them: often when their data began or ended.
    """
    query = (
        select(Window)
        .where(
            Window.deployment == deployment,
            col(Window.removed_at).is_(None),
            col(Window.start) <= at,
            col(Window.end) >= at,
        )
        .order_by((col(Window.end) == at), col(Window.rows).desc())
    )
    return session.exec(query).first()


def _deciding(session: Session, window: Window) -> dict[str, CheckResult]:
    query = (
        select(CheckResult)
        .join(Window, of_newest_revision())
        .where(
            CheckResult.window_id == window.id,
            col(CheckResult.primary),
            col(CheckResult.signal).in_((FEATURE_DRIFT, PREDICTION_DRIFT)),
        )
        .order_by(col(CheckResult.signal).desc())  # of one name, the feature's
    )
    return {result.column: result for result in session.exec(query)}


def require(session: Session, snapshot_id: str) -> EvidentlySnapshot:
    """The row of a snapshot. Raises NotFound."""
    row = session.get(EvidentlySnapshot, snapshot_id)
    if row is None:
        raise NotFound(f"there is no imported snapshot {snapshot_id!r}.")
    return row


def remove(session: Session, store: Store, snapshot_id: str, reason: str) -> None:
    """Delete an imported snapshot; importing its file again adds it again. Raises NotFound."""
    row = require(session, snapshot_id)
    before = {"name": row.name, "at": row.at.isoformat(), "figures": len(row.figures)}
    session.delete(row)
    session.flush()
    record(session, store, "removed", SUBJECT, row.deployment, before=before, reason=reason)
