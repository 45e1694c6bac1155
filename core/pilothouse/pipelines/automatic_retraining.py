"""Retrainings that start by themselves: triggers are asked, obstacles are weighed, jobs submitted.

Everything about one decision happens in one transaction, so that a step that is repeated after a
kill finds what it did: the job that runs, the request that waits, the alert that is done with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from pilothouse.activity.actors import ALERT as ALERT_ACTOR
from pilothouse.activity.actors import RETRAINING
from pilothouse.deployments.tables import Deployment
from pilothouse.jobs import submit
from pilothouse.jobs.tables import ENDED, Job
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict
from pilothouse.pipelines import retraining_decisions as decisions
from pilothouse.pipelines import trigger_facts
from pilothouse.pipelines.retraining_decisions import ASKED, HELD, STARTED, Obstacle, Request
from pilothouse.pipelines.retraining_policy import (
    ALERT,
    AUTO,
    MANUAL,
    OFF,
    RetrainingPolicy,
    policy_for,
    require_on,
)
from pilothouse.pipelines.triggers import triggers
from pilothouse.registry.tables import PENDING, Promotion
from pilothouse.storage import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Occasion:
    """What triggers are asked about, so far as it is read before the decision.

    `new_labels` is by trigger; reading them takes too long for a transaction.
    """

    deployment: str
    registered: datetime
    new_labels: Mapping[str, int]
    fired: Sequence[str]


def consider(
    store: Store, deployment: str, fired: Sequence[str] = (), until: datetime | None = None
) -> str | None:
    """Ask the triggers of a deployment, and do what its policy says; the id of a job it submitted.

    `fired` are the alerts that have just fired and ask for a retraining. `until` is the end of the
    rows to train on; None is the newest labelled row.
    """
    with store.read() as session:
        served = session.get(Deployment, deployment)
        policy = policy_for(session, deployment)
    if served is None or not served.model:
        log.info("no retraining of %s: no model is registered for it", deployment)
        return None
    registered = trigger_facts.champion_registered(store, deployment)
    labels = _new_labels(store, deployment, policy, registered)

    with store.write() as session:
        policy = policy_for(session, deployment)  # it may have been switched off meanwhile
        occasion = Occasion(deployment, registered, labels, fired)
        request = _first_request(session, store, policy, occasion)
        if request is None:
            return None
        return _act(session, store, policy, request, until)


def require_by_hand(session: Session, deployment: str) -> None:
    """Raises Conflict when a person cannot start a retraining: by policy, or while one runs."""
    _require_none_under_way(session, deployment)
    policy = require_on(session, deployment)
    if MANUAL not in policy.triggers:
        raise Conflict(
            f"{deployment!r} is not retrained by hand.",
            hint="Add the trigger *By hand* to its retraining policy.",
        )


def start_by_hand(
    session: Session, store: Store, deployment: str, reason: str, weeks: int | None
) -> str:
    """Submit the retraining that a person asks for, of these weeks or of the policy's rows.

    A request that waited for an answer is answered with it.
    """
    if row := decisions.waiting(session, deployment):
        job = _submit(session, store, Request(deployment, MANUAL, reason), weeks=weeks)
        decisions.answer(session, store, row, STARTED, job, reason)
        return job
    until = trigger_facts.newest_window_end(session, deployment)
    request = Request(deployment, MANUAL, reason, until=until)
    job = _submit(session, store, request, weeks=weeks)
    decisions.decide(session, store, request, STARTED, job=job)
    return job


def approve(session: Session, store: Store, deployment: str, reason: str) -> str:
    """Submit the retraining that waits for a person's answer.

    Raises NotFound without one, Conflict while another retraining is under way, and when the policy
    has been switched off since.
    """
    row = decisions.require_waiting(session, deployment)
    _require_none_under_way(session, deployment)
    require_on(session, deployment)
    request = Request(deployment, row.trigger, row.reason, row.alert_id, row.until)
    job = _submit(session, store, request)
    decisions.answer(session, store, row, STARTED, job, reason)
    return job


def decline(session: Session, store: Store, deployment: str, reason: str) -> None:
    """Decline the retraining that waits for a person's answer. Raises NotFound without one."""
    row = decisions.require_waiting(session, deployment)
    decisions.answer(session, store, row, decisions.DECLINED, None, reason)


def under_way(session: Session, deployment: str) -> str | None:
    """The retraining of a deployment that has not ended."""
    query = select(Job.id).where(
        Job.kind == "retrain", Job.subject_ref == deployment, col(Job.status).not_in(ENDED)
    )
    return session.exec(query.limit(1)).first()


def _require_none_under_way(session: Session, deployment: str) -> None:
    if job := under_way(session, deployment):
        raise Conflict(
            f"a retraining of {deployment!r} is under way already.",
            hint=f"Wait for the job {job}, or cancel it.",
        )


def _new_labels(
    store: Store, deployment: str, policy: RetrainingPolicy, registered: datetime
) -> dict[str, int]:
    """New labels for each trigger that counts them."""
    counts = {}
    for name in policy.triggers:
        if triggers.get(name).counts_labels:
            with store.read() as session:
                trained = trigger_facts.last_trained(session, deployment, registered, name)
            counts[name] = trigger_facts.count_new_labels(store, deployment, trained)
    return counts


def _first_request(
    session: Session, store: Store, policy: RetrainingPolicy, occasion: Occasion
) -> Request | None:
    """What the first trigger that fires asks for; alerts come first, for each counts once."""
    deployment = occasion.deployment
    until = trigger_facts.newest_window_end(session, deployment)
    declined_before = store.now() - timedelta(days=policy.cooldown_days)
    alerts = trigger_facts.pending_alerts(session, deployment, occasion.fired, declined_before)
    for name in sorted(policy.triggers, key=lambda name: (name != ALERT, name)):
        trained = trigger_facts.last_trained(session, deployment, occasion.registered, name)
        labels = occasion.new_labels.get(name, 0)
        facts = trigger_facts.facts(session, store, deployment, name, alerts, trained, labels)
        if reason := triggers.get(name).reason(facts, policy.parameters_of(name)):
            alert = alerts[0].id if name == ALERT and alerts else None
            return Request(deployment, name, reason, alert, until)
    return None


def _act(
    session: Session,
    store: Store,
    policy: RetrainingPolicy,
    request: Request,
    until: datetime | None,
) -> str | None:
    job_id = f"retrain-{request.alert_id}" if request.alert_id else None
    if job_id is not None and session.get(Job, job_id) is not None:
        return job_id  # a repeated step
    store = store.acting_as(ALERT_ACTOR if request.alert_id else RETRAINING)
    if obstacle := _obstacle(session, store, policy, request, until):
        log.info("no retraining of %s: %s", request.deployment, obstacle.message)
        decisions.decide(session, store, request, HELD, obstacle=obstacle)
        return None
    if policy.mode != AUTO:
        decisions.decide(session, store, request, ASKED)
        return None
    job = _submit(session, store, request, job_id=job_id, until=until)
    decisions.decide(session, store, request, STARTED, job=job)
    return job


def _submit(
    session: Session,
    store: Store,
    request: Request,
    *,
    job_id: str | None = None,
    until: datetime | None = None,
    weeks: int | None = None,
) -> str:
    args: dict[str, object] = {"deployment": request.deployment, "reason": request.reason}
    args |= {"weeks": weeks} if weeks else {}
    args |= {"until_ms": to_ms(until)} if until else {}
    return submit(
        session,
        store,
        "retrain",
        args,
        title=f"Retrain {request.deployment}",
        subject=("deployment", request.deployment),
        job_id=job_id,
    )


def _obstacle(
    session: Session,
    store: Store,
    policy: RetrainingPolicy,
    request: Request,
    until: datetime | None,
) -> Obstacle | None:
    """The first thing that keeps a retraining from being started, or a person from being asked."""
    deployment, now = request.deployment, store.now()
    if policy.mode == OFF:
        return Obstacle("off", "retraining is off in the policy")
    if under_way(session, deployment):
        return Obstacle("running", "an earlier retraining is under way")
    if pending := _pending_promotion(session, deployment):
        return Obstacle("proposal", f"version {pending} waits for a decision on its promotion")
    if decisions.waiting(session, deployment):
        return Obstacle("asked", "a person has been asked already")
    return (
        _cooldown(session, policy, deployment, now)
        or _budget(session, policy, deployment, now)
        or _too_few_labels(session, policy, deployment, until or request.until)
    )


def _pending_promotion(session: Session, deployment: str) -> int | None:
    served = session.get_one(Deployment, deployment)
    query = select(Promotion.version).where(
        Promotion.model == served.model, Promotion.status == PENDING
    )
    return session.exec(query.limit(1)).first()


def _cooldown(
    session: Session, policy: RetrainingPolicy, deployment: str, now: datetime
) -> Obstacle | None:
    last = trigger_facts.last_retraining(session, deployment)
    if last is None or now - last >= timedelta(days=policy.cooldown_days):
        return None
    return Obstacle(
        "cooldown",
        f"the last retraining started on {last:%Y-%m-%d}, and the cool-down is "
        f"{policy.cooldown_days:g} days",
    )


def _budget(
    session: Session, policy: RetrainingPolicy, deployment: str, now: datetime
) -> Obstacle | None:
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    used = trigger_facts.retrainings_since(session, deployment, month)
    if policy.monthly_budget is None or used < policy.monthly_budget:
        return None
    return Obstacle("budget", f"{used} of {policy.monthly_budget} retrainings of {now:%B} are used")


def _too_few_labels(
    session: Session, policy: RetrainingPolicy, deployment: str, end: datetime | None
) -> Obstacle | None:
    """Whether judged windows say that labels are missing; the retraining counts exactly."""
    counted = end and trigger_facts.labelled_share(session, deployment, policy.start(end), end)
    if not counted:
        return None
    rows, labelled = counted
    if labelled < policy.min_rows:
        message = f"{labelled:,} rows of {policy.rows_text} have a label, {policy.min_rows:,} are"
        return Obstacle("labels", f"{message} needed")
    if labelled < policy.min_labelled_share * rows:
        message = f"{labelled / rows:.0%} of the rows of {policy.rows_text} have a label"
        return Obstacle("labels", f"{message}, {policy.min_labelled_share:.0%} are needed")
    return None
