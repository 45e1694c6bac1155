"""What triggers are asked about a deployment, read from its windows, alerts, jobs and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from pilothouse.deployments import Deployments, commands
from pilothouse.jobs.tables import CANCELLED, FAILED, Job
from pilothouse.monitoring.tables import RESOLVED, Alert, Window
from pilothouse.pipelines import retraining_decisions as decisions
from pilothouse.pipelines.retraining_policy import MANUAL
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.pipelines.triggers import JudgedWindow, TriggerFacts
from pilothouse.registry import Registry
from pilothouse.registry.tables import ACCEPTED, Promotion
from pilothouse.storage import Store


@dataclass(frozen=True)
class PendingAlert:
    """An alert that asks for a retraining, and its sentence."""

    id: str
    message: str


def pending_alerts(
    session: Session, deployment: str, fired: Sequence[str], declined_before: datetime
) -> list[PendingAlert]:
    """The alerts that ask for a retraining: they have just fired, or are open and ask again.

    An alert asks again when what held it back has passed, and after a decline before
    `declined_before` when another window has breached.
    """
    newest = decisions.newest_by_alert(session, deployment)
    pending = []
    for alert_id in dict.fromkeys([*fired, *newest]):
        alert, decision = session.get(Alert, alert_id), newest.get(alert_id)
        if alert is None or alert.deployment != deployment:
            continue
        just_fired = alert_id in fired and not _has_been_asked(decision)
        is_open = alert.state != RESOLVED
        again = decision is not None and _asks_again(session, alert, decision, declined_before)
        if just_fired or (is_open and again):
            pending.append(PendingAlert(alert.id, sentence(alert)))
    return pending


def sentence(alert: Alert) -> str:
    """Why an alert asks for a retraining; it names the last window that breached."""
    return f"{alert.name}: {alert.message}"


def _has_been_asked(decision: RetrainingDecision | None) -> bool:
    """Whether a step that is repeated after a kill asked a person about the alert already."""
    answers = (decisions.ASKED, decisions.DECLINED, decisions.WITHDRAWN)
    return decision is not None and decision.outcome in answers


def _asks_again(
    session: Session, alert: Alert, decision: RetrainingDecision, declined_before: datetime
) -> bool:
    match decision.outcome:
        case decisions.HELD if decision.obstacle in decisions.UNDECIDED:
            return not _has_been_trained(session, decision)
        case decisions.HELD:
            return decision.obstacle in decisions.PASSING
        case decisions.DECLINED | decisions.WITHDRAWN:
            at = decision.decided_at or decision.at
            return at <= declined_before and _has_breached_since(session, alert, decision)
        case _:
            return False


def _has_breached_since(session: Session, alert: Alert, decision: RetrainingDecision) -> bool:
    """Whether another window has breached since: the sentence names the last one that did."""
    newest = session.get_one(Window, alert.last_window)
    is_newer = decision.until is None or newest.end > decision.until
    return is_newer and sentence(alert) != decision.reason


def _has_been_trained(session: Session, held: RetrainingDecision) -> bool:
    """Whether what held an alert back ended with a newer version: that takes care of the alert."""
    started = select(RetrainingDecision.id).where(
        RetrainingDecision.deployment == held.deployment,
        RetrainingDecision.outcome == decisions.STARTED,
        func.coalesce(RetrainingDecision.decided_at, RetrainingDecision.at) >= held.at,
    )
    served = commands.require(session, held.deployment)
    accepted = select(Promotion.id).where(
        Promotion.model == served.model,
        Promotion.status == ACCEPTED,
        col(Promotion.decided_at) >= held.at,
    )
    return any(session.exec(query.limit(1)).first() for query in (started, accepted))


def last_retraining(session: Session, deployment: str) -> datetime | None:
    """When the last retraining of a deployment was submitted, however it ended."""
    query = select(func.max(Job.created_at)).where(*_retrainings(deployment))
    return session.exec(query).one()


def retrainings_since(session: Session, deployment: str, start: datetime) -> int:
    """How many retrainings have started by themselves since an instant.

    Those that failed or were cancelled do not count, nor those that a person asked for.
    """
    by_hand = select(RetrainingDecision.job_id).where(
        RetrainingDecision.deployment == deployment,
        RetrainingDecision.trigger == MANUAL,
        col(RetrainingDecision.job_id).is_not(None),
    )
    query = (
        select(func.count())
        .select_from(Job)
        .where(
            *_retrainings(deployment),
            Job.created_at >= start,
            col(Job.status).not_in((CANCELLED, FAILED)),
            col(Job.id).not_in(by_hand),
        )
    )
    return int(session.exec(query).one())


def _retrainings(deployment: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Job.kind) == "retrain",
        col(Job.subject_kind) == "deployment",
        col(Job.subject_ref) == deployment,
    )


def last_trained(
    session: Session, deployment: str, champion_at: datetime, trigger: str
) -> datetime:
    """When the last training began: a retraining, one of this trigger's that was declined, or the
    champion's.
    """
    declined = select(func.max(RetrainingDecision.decided_at)).where(
        RetrainingDecision.deployment == deployment,
        RetrainingDecision.trigger == trigger,
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


def judged_windows(session: Session, deployment: str, trigger: str) -> tuple[JudgedWindow, ...]:
    """The windows of the version that serves, oldest first, since the last retraining.

    A request of this trigger that was declined counts as one.
    """
    served = commands.require(session, deployment)
    query = select(Window).where(
        Window.deployment == deployment,
        Window.version == (served.serving_version or served.version),
        col(Window.removed_at).is_(None),
    )
    if since := decisions.last_until(session, deployment, trigger):
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
    trigger: str,
    alerts: Sequence[PendingAlert],
    trained: datetime,
    new_labels: int,
) -> TriggerFacts:
    """What a trigger of a deployment is asked about now."""
    return TriggerFacts(
        now=store.now(),
        last_trained=trained,
        windows=judged_windows(session, deployment, trigger),
        alerts=tuple(alert.message for alert in alerts),
        new_labels=new_labels,
    )
