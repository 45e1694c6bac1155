"""Decisions on retrainings: what each trigger that asked for one has led to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

STARTED, ASKED, HELD = "started", "asked", "held"
DECLINED, WITHDRAWN = "declined", "withdrawn"
VERBS = {
    STARTED: "started a retraining",
    ASKED: "asked for a retraining",
    DECLINED: "declined a retraining",
    WITHDRAWN: "withdrew a request for a retraining",
    HELD: "held back a retraining",
}
# An alert that one of these held back is looked at again.
PASSING = ("cooldown", "budget", "labels")
# One of these may end with a retraining that takes care of the alert too, or without one.
UNDECIDED = ("asked", "proposal")
COLUMNS = (
    "at", "deployment", "trigger", "reason", "outcome", "obstacle", "message", "job", "alert",
    "decided_at", "decided_by",
)  # fmt: skip


@dataclass(frozen=True)
class Obstacle:
    """What keeps a retraining from being started, in one word and in a sentence."""

    kind: str
    message: str


@dataclass(frozen=True)
class Request:
    """A trigger that asks for a retraining of a deployment, and why.

    `until` is the end of the newest window that had been judged.
    """

    deployment: str
    trigger: str
    reason: str
    alert_id: str | None = None
    until: datetime | None = None


def decide(
    session: Session,
    store: Store,
    request: Request,
    outcome: str,
    *,
    obstacle: Obstacle | None = None,
    job: str | None = None,
) -> RetrainingDecision:
    """Record what a request has led to, in the log of activity too.

    What was held back for the same reason as the last time is not recorded again.
    """
    newest = newest_decision(session, request.deployment)
    kind = obstacle.kind if obstacle else ""
    if newest is not None and outcome == HELD and _repeats(newest, request, kind):
        return newest
    row = RetrainingDecision(
        id=uuid7(to_ms(store.now())),
        deployment=request.deployment,
        trigger=request.trigger,
        reason=request.reason,
        outcome=outcome,
        obstacle=kind,
        message=obstacle.message if obstacle else "",
        alert_id=request.alert_id,
        job_id=job,
        until=request.until,
        at=store.now(),
    )
    session.add(row)
    session.flush()
    _record(session, store, row, request.reason)
    return row


def answer(
    session: Session, store: Store, row: RetrainingDecision, outcome: str, job: str | None, why: str
) -> None:
    """Write down what a person answered to a request that waited for one."""
    row.outcome, row.job_id = outcome, job
    row.decided_at, row.decided_by = store.now(), store.actor
    session.add(row)
    session.flush()
    _record(session, store, row, why)


def withdraw(session: Session, store: Store, deployment: str, reason: str) -> None:
    """Withdraw the request that waits for an answer, if there is one: its policy is off now."""
    if row := waiting(session, deployment):
        answer(session, store, row, WITHDRAWN, None, reason or "the retraining policy is off")


def _record(session: Session, store: Store, row: RetrainingDecision, reason: str) -> None:
    about = {"trigger": row.trigger, "obstacle": row.message, "job": row.job_id}
    record(
        session, store, VERBS[row.outcome], "deployment", row.deployment,
        after={name: value for name, value in about.items() if value}, reason=reason,
    )  # fmt: skip


def _repeats(newest: RetrainingDecision, request: Request, obstacle: str) -> bool:
    return (newest.outcome, newest.trigger, newest.obstacle, newest.alert_id) == (
        HELD, request.trigger, obstacle, request.alert_id,
    )  # fmt: skip


def newest_decision(session: Session, deployment: str) -> RetrainingDecision | None:
    """The last decision on a deployment's retraining."""
    query = select(RetrainingDecision).where(RetrainingDecision.deployment == deployment)
    order = (col(RetrainingDecision.at).desc(), col(RetrainingDecision.id).desc())
    return session.exec(query.order_by(*order).limit(1)).first()


def waiting(session: Session, deployment: str) -> RetrainingDecision | None:
    """The request of a deployment that waits for a person's answer."""
    query = select(RetrainingDecision).where(
        RetrainingDecision.deployment == deployment, RetrainingDecision.outcome == ASKED
    )
    return session.exec(query.limit(1)).first()


def require_waiting(session: Session, deployment: str) -> RetrainingDecision:
    """The request that waits for an answer. Raises NotFound."""
    row = waiting(session, deployment)
    if row is None:
        raise NotFound(f"no retraining of {deployment!r} waits for an answer.")
    return row


def newest_by_alert(session: Session, deployment: str) -> dict[str, RetrainingDecision]:
    """The last decision on each alert that asked for a retraining of a deployment."""
    query = select(RetrainingDecision).where(
        RetrainingDecision.deployment == deployment, col(RetrainingDecision.alert_id).is_not(None)
    )
    order = (col(RetrainingDecision.at), col(RetrainingDecision.id))
    return {str(row.alert_id): row for row in session.exec(query.order_by(*order))}


def of_trigger(trigger: str) -> ColumnElement[bool]:
    """The decisions after which a trigger needs something new: retrainings, and its own declines.

    What was declined for another cause says nothing about this one.
    """
    own = (col(RetrainingDecision.outcome) == DECLINED) & (RetrainingDecision.trigger == trigger)
    return or_(col(RetrainingDecision.outcome) == STARTED, own)


def last_until(session: Session, deployment: str, trigger: str) -> datetime | None:
    """The end of the windows that had been judged at the last retraining or decline of a trigger.

    Only a decline of that very trigger counts, see `of_trigger`.
    """
    query = select(RetrainingDecision.until).where(
        RetrainingDecision.deployment == deployment,
        of_trigger(trigger),
        col(RetrainingDecision.until).is_not(None),
    )
    return session.exec(query.order_by(col(RetrainingDecision.at).desc()).limit(1)).first()


def frame(session: Session, deployment: str, size: int) -> pd.DataFrame:
    """Decisions, newest first, as a frame of `COLUMNS`; of every deployment when it is empty."""
    import pandas as pd

    query = select(RetrainingDecision)
    if deployment:
        query = query.where(RetrainingDecision.deployment == deployment)
    order = (col(RetrainingDecision.at).desc(), col(RetrainingDecision.id).desc())
    names = {"job": "job_id", "alert": "alert_id"}
    rows = [
        [getattr(row, names.get(name, name)) for name in COLUMNS]
        for row in session.exec(query.order_by(*order).limit(size))
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("at", "decided_at"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return table
