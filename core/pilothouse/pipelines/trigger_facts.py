"""What triggers are asked about a deployment, read from its windows, alerts, jobs and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from pilothouse.deployments import Deployments, commands
from pilothouse.jobs.tables import CANCELLED, Job
from pilothouse.monitoring.tables import RESOLVED, Alert, Window
from pilothouse.pipelines import retraining_decisions as decisions
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.pipelines.triggers import JudgedWindow, TriggerFacts
from pilothouse.registry import Registry
from pilothouse.storage import Store


@dataclass(frozen=True)
class PendingAlert:
    """An alert that asks for a retraining, and its sentence."""

    id: str
    message: str


def pending_alerts(session: Session, deployment: str, fired: Sequence[str]) -> list[PendingAlert]:
    """The alerts that have just fired, and open ones that were held back by what passes."""
    ids = dict.fromkeys([*fired, *decisions.held_alerts(session, deployment)])
    rows = [session.get(Alert, alert) for alert in ids]
    open_rows = [row for row in rows if row is not None and row.deployment == deployment]
    return [
        PendingAlert(row.id, f"{row.name}: {row.message}")
        for row in open_rows
        if row.id in fired or row.state != RESOLVED
    ]


def last_retraining(session: Session, deployment: str) -> datetime | None:
    """When the last retraining of a deployment was submitted, however it ended."""
    query = select(func.max(Job.created_at)).where(*_retrainings(deployment))
    return session.exec(query).one()


def retrainings_since(session: Session, deployment: str, start: datetime) -> int:
    """How many retrainings were submitted since an instant; cancelled ones do not count."""
    query = (
        select(func.count())
        .select_from(Job)
        .where(*_retrainings(deployment), Job.created_at >= start, Job.status != CANCELLED)
    )
    return int(session.exec(query).one())


def _retrainings(deployment: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Job.kind) == "retrain",
        col(Job.subject_kind) == "deployment",
        col(Job.subject_ref) == deployment,
    )


def last_trained(session: Session, deployment: str, champion_at: datetime) -> datetime:
    """When the last training began: a retraining, one that was declined, or the champion's."""
    declined = select(func.max(RetrainingDecision.decided_at)).where(
        RetrainingDecision.deployment == deployment,
        RetrainingDecision.outcome == decisions.DECLINED,
    )
    instants = (champion_at, last_retraining(session, deployment), session.exec(declined).one())
    return max(at for at in instants if at is not None)


def newest_window_end(session: Session, deployment: str) -> datetime | None:
    """The end of the newest window that was judged."""
    query = select(func.max(Window.end)).where(
        Window.deployment == deployment, col(Window.removed_at).is_(None)
    )
    return session.exec(query).one()


def judged_windows(session: Session, deployment: str) -> tuple[JudgedWindow, ...]:
    """The windows of the version that serves since the last retraining, oldest first."""
    served = commands.require(session, deployment)
    query = select(Window).where(
        Window.deployment == deployment,
        Window.version == (served.serving_version or served.version),
        col(Window.removed_at).is_(None),
    )
    if since := decisions.last_until(session, deployment):
        query = query.where(Window.end > since)
    return tuple(
        JudgedWindow(row.start, row.end, row.drift_status, row.performance_status)
        for row in session.exec(query.order_by(col(Window.start)))
    )


def labelled_share(
    session: Session, deployment: str, start: datetime | None, end: datetime
) -> tuple[int, int] | None:
    """Rows and labelled rows of the judged windows in a span; None without any window there."""
    query = select(func.count(), func.sum(Window.rows), func.sum(Window.labelled)).where(
        Window.deployment == deployment, col(Window.removed_at).is_(None), Window.start < end
    )
    if start is not None:
        query = query.where(Window.end > start)
    windows, rows, labelled = session.exec(query).one()
    return (int(rows), int(labelled)) if windows else None


def champion_registered(store: Store, deployment: str) -> datetime:
    """When the champion of a deployment's model, or the version that serves, was registered."""
    served, registry = Deployments(store).deployment(deployment), Registry(store)
    champion = registry.champion(served.model) or registry.version(served.model, served.version)
    return champion.created_at


def count_new_labels(store: Store, deployment: str, since: datetime) -> int:
    """How many predictions have a label that was received since an instant."""
    labels = Deployments(store).labels(deployment)
    return int((labels.dropna(subset=["label"])["received_at"] > since).sum())


def facts(
    session: Session,
    store: Store,
    deployment: str,
    alerts: Sequence[PendingAlert],
    trained: datetime,
    new_labels: int,
) -> TriggerFacts:
    """What the triggers of a deployment are asked about now."""
    return TriggerFacts(
        now=store.now(),
        last_trained=trained,
        windows=judged_windows(session, deployment),
        alerts=tuple(alert.message for alert in alerts),
        new_labels=new_labels,
    )
