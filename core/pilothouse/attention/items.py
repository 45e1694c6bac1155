"""What needs a person, read from what the other rooms keep.

Nothing leaves the list by itself. A promotion and a retraining that a trigger asks for leave it
when they are decided, a failed job when it was tried again, an alert when a person resolved it, a
crash loop when a person changed the deployment, a dataset version that quality checks hold back
when it is released or archived, a held rollout when it goes on or ends, a promotion
that live data contradicted when its version left production or a person kept it; the rest stays
until somebody dismisses it. What is dismissed comes back when it occurs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlmodel import Session, col, or_, select

from pilothouse.activity.actors import AUTOMATIC
from pilothouse.activity.tables import ActivityEntry
from pilothouse.attention.assignments import assignees
from pilothouse.attention.tables import Dismissed
from pilothouse.comments.tables import Comment, CommentMention
from pilothouse.data import versions
from pilothouse.data.quality.quality_info import PASSED
from pilothouse.data.tables import DatasetCheck, DatasetCheckResult, DatasetVersion
from pilothouse.deployments import commands
from pilothouse.deployments.info import describe_status
from pilothouse.deployments.replica_states import CRASH_LOOP, CRASH_LOOPED
from pilothouse.deployments.rollouts.rollout_states import APPROVAL, HELD, PERSON
from pilothouse.deployments.tables import Deployment, Replica, Rollout
from pilothouse.governance.outcomes import of_production
from pilothouse.governance.promise import CONTRADICTED
from pilothouse.jobs.tables import FAILED, Job
from pilothouse.monitoring.tables import RESOLVED, Alert
from pilothouse.pipelines.retraining_decisions import ASKED
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.registry.gates.not_worse_beyond_chance import GATE as DIFFERENCE_GATE
from pilothouse.registry.overrides import overrides_of
from pilothouse.registry.tables import PENDING, Promotion
from pilothouse.registry.votes import waiting_for

HELD_BACK = "held"
RECOVERED, EXPIRED, MENTIONED = "recovered", "expired", "mentioned"


@dataclass(frozen=True)
class Dismissal:
    """Who took an item off the list, when and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Item:
    """One thing that needs a person.

    `people` are those whom it waits for; empty when it is for anybody.
    `kind` and `ref` are the address of the object. `key` tells the item from others of its kind,
    and `occurrence` one occurrence of it from the next.
    """

    kind: str
    ref: str
    key: str
    occurrence: str
    title: str
    state: str
    message: str
    at: datetime
    count: int = 1
    people: tuple[str, ...] = ()
    dismissal: Dismissal | None = None

    @property
    def id(self) -> str:
        """What the item is called in one word, for tables and commands."""
        return f"{self.kind}:{self.key}"


def items(session: Session, now: datetime) -> list[Item]:
    """Every item, the newest first; those that were dismissed carry who did it."""
    sources: Sequence[Callable[[Session], Iterator[Item]]] = (
        _promotions,
        _contradictions,
        _retrainings,
        _alerts,
        _crash_loops,
        _held_rollouts,
        _held_versions,
        _overdue_versions,
        _failed_jobs,
    )
    current = [item for source in sources for item in source(session)]
    current += _expired_overrides(session, now)
    current += _mentions(session)
    owners = assignees(session)
    current = [_with_assignee(item, owners.get((item.kind, item.ref), "")) for item in current]
    dismissed = {(row.kind, row.key): row for row in session.exec(select(Dismissed))}
    marked = [_with_dismissal(item, dismissed.get((item.kind, item.key))) for item in current]
    return sorted(marked, key=lambda item: item.at, reverse=True)


def _with_assignee(item: Item, person: str) -> Item:
    if not person or person in item.people or item.state == MENTIONED:
        return item
    return replace(item, people=(*item.people, person))


def _mentions(session: Session) -> Iterator[Item]:
    """Comments that name a person who has not written on the same object since."""
    query = (
        select(Comment, CommentMention.person)
        .join(CommentMention, col(CommentMention.comment_id) == col(Comment.id))
        .where(col(Comment.removed_at).is_(None))
    )
    for row, person in session.exec(query):
        answered = select(Comment.id).where(
            Comment.kind == row.kind,
            Comment.ref == row.ref,
            Comment.author == person,
            Comment.id != row.id,
            col(Comment.created_at) >= row.created_at,
        )
        if person == row.author or session.exec(answered.limit(1)).first() is not None:
            continue
        yield Item(
            kind=row.kind,
            ref=row.ref,
            key=f"{row.id}:{person}",
            occurrence="",
            title=f"{row.author} mentions {person}",
            state=MENTIONED,
            message=row.text,
            at=row.created_at,
            people=(person,),
        )


def _with_dismissal(item: Item, row: Dismissed | None) -> Item:
    if row is None or row.occurrence != item.occurrence:
        return item
    return replace(item, dismissal=Dismissal(row.at, row.by, row.reason))


def _promotions(session: Session) -> Iterator[Item]:
    for row in session.exec(select(Promotion).where(Promotion.status == PENDING)):
        yield Item(
            kind="promotion",
            ref=row.id,
            key=row.id,
            occurrence="",
            title=f"{row.model} {row.version} to {row.stage}",
            state=PENDING,
            message=_with_conclusion(row),
            at=row.requested_at,
            people=waiting_for(session, row),
        )


def _expired_overrides(session: Session, now: datetime) -> Iterator[Item]:
    """Versions in a stage that an overridden gate let them into, whose override has ended."""
    for override in overrides_of(session, now):
        if override.has_expired:
            yield Item(
                kind="promotion",
                ref=override.promotion_id,
                key=f"{override.promotion_id}:{override.gate}",
                occurrence=override.expires_at.isoformat(),
                title=f"{override.model} {override.version} stands on an expired override",
                state=EXPIRED,
                message=f"{override.message}; {override.reason}",
                at=override.expires_at,
            )


def _contradictions(session: Session) -> Iterator[Item]:
    """Promotions whose promise live data contradicted, until a person decides about them."""
    for outcome in of_production(session):
        if outcome.needs_decision and outcome.since is not None:
            yield Item(
                kind="promotion",
                ref=outcome.promotion,
                key=f"outcome-{outcome.promotion}",
                occurrence="",
                title=f"{outcome.model} {outcome.version} is not what was promised",
                state=CONTRADICTED,
                message=f"{outcome.metric}: {outcome.message}",
                at=outcome.since,
            )


def _with_conclusion(row: Promotion) -> str:
    """Why it was asked for, and what the comparison with the champion says of the difference."""
    compared = row.evidence.get("comparison") or {}
    messages = [
        verdict["message"]
        for verdict in row.verdicts
        if verdict["gate"] == DIFFERENCE_GATE and compared.get("interval")
    ]
    return "; ".join([row.reason, *messages])


def _retrainings(session: Session) -> Iterator[Item]:
    """Retrainings that a trigger asks for and that wait until a person starts or declines them."""
    query = select(RetrainingDecision).where(RetrainingDecision.outcome == ASKED)
    for row in session.exec(query):
        yield Item(
            kind="retraining",
            ref=row.deployment,
            key=row.id,
            occurrence="",
            title=f"Retrain {row.deployment}?",
            state=ASKED,
            message=row.reason,
            at=row.at,
        )


def _alerts(session: Session) -> Iterator[Item]:
    """Open alerts, and those that fired and then cleared without anybody looking at them."""
    cleared = col(Alert.fired_at).is_not(None) & col(Alert.resolved_by).in_(AUTOMATIC)
    query = select(Alert).where(or_(col(Alert.state) != RESOLVED, cleared))
    for row in session.exec(query):
        yield Item(
            kind="alert",
            ref=row.id,
            key=row.id,
            occurrence="fired" if row.fired_at else "pending",
            title=f"Alert {row.name} on {row.deployment}",
            state=row.state,
            message=row.message,
            at=row.fired_at or row.opened_at,
        )


def _failed_jobs(session: Session) -> Iterator[Item]:
    """Failed jobs that nobody tried again; those of the same work are one item, the newest."""
    retried = select(Job.retry_of).where(col(Job.retry_of).is_not(None))
    query = select(Job).where(Job.status == FAILED, col(Job.id).not_in(retried))

    rows = sorted(session.exec(query), key=_work)
    for key, group in groupby(rows, key=_work):
        jobs = sorted(group, key=lambda job: job.created_at)
        newest = jobs[-1]
        yield Item(
            kind="job",
            ref=newest.id,
            key=key,
            occurrence=newest.id,
            title=newest.title,
            state=FAILED,
            message=newest.error,
            at=newest.ended_at or newest.created_at,
            count=len(jobs),
        )


def _work(job: Job) -> str:
    return "|".join((job.kind, job.subject_kind, job.subject_ref, job.title))


def _crash_loops(session: Session) -> Iterator[Item]:
    """Versions that do not stay up, and those that did not and that nobody has changed since."""
    entries = _recorded_crash_loops(session)
    for row in session.exec(select(Deployment)):
        state, message = describe_status(row, commands.replicas_of(session, row.name))
        entry = entries.get(row.name)
        if state == CRASH_LOOP:
            occurrence = f"generation {row.generation}" if entry is None else str(entry.seq)
            at = entry.at if entry is not None else row.updated_at
            yield _crash_loop(row, occurrence, state, _last_end(session, row) or message, at)
        elif entry is not None and row.updated_at <= entry.at:
            yield _crash_loop(row, str(entry.seq), RECOVERED, entry.reason, entry.at)


def _crash_loop(row: Deployment, occurrence: str, state: str, message: str, at: datetime) -> Item:
    return Item(
        kind="deployment",
        ref=row.name,
        key=row.name,
        occurrence=occurrence,
        title=f"{row.name}: version {row.version} keeps ending",
        state=state,
        message=message,
        at=at,
    )


def _recorded_crash_loops(session: Session) -> dict[str, ActivityEntry]:
    """The controller's newest note of a crash loop, by deployment."""
    query = select(ActivityEntry).where(
        ActivityEntry.verb == CRASH_LOOPED, ActivityEntry.kind == "deployment"
    )
    entries = session.exec(query.order_by(col(ActivityEntry.seq)))
    return {entry.ref: entry for entry in entries}


def _held_rollouts(session: Session) -> Iterator[Item]:
    """Rollouts that wait for a person: to decide what figures do not prove, or to approve."""
    query = select(Rollout).where(Rollout.state == HELD, Rollout.hold != PERSON)
    for row in session.exec(query):
        versions = " and ".join(map(str, row.candidates))
        yield Item(
            kind="deployment",
            ref=row.deployment,
            key=f"rollout-{row.id}",
            occurrence=f"step {row.step} {row.hold}",
            title=f"{row.deployment}: the rollout of version {versions} is held",
            state=PENDING if row.hold == APPROVAL else row.hold,
            message=row.message,
            at=row.step_started_at or row.started_at,
        )


def _held_versions(session: Session) -> Iterator[Item]:
    """Dataset versions that quality checks hold back, until they are released or archived."""
    query = select(DatasetVersion).where(
        versions.held_for().is_not(None),
        col(DatasetVersion.archived_at).is_(None),
        col(DatasetVersion.superseded_by).is_(None),
    )
    for row in session.exec(query):
        ref = f"{row.dataset}@{row.version}"
        yield Item(
            kind="dataset",
            ref=ref,
            key=ref,
            occurrence="",
            title=f"{ref} is held back by its quality checks",
            state=HELD_BACK,
            message=row.held_for or "",
            at=row.created_at,
        )


def _overdue_versions(session: Session) -> Iterator[Item]:
    """Newest versions that fail a blocking check by now, such as that of their age."""
    query = (
        select(DatasetVersion, DatasetCheckResult)
        .join(DatasetCheck, col(DatasetCheck.dataset) == col(DatasetVersion.dataset))
        .join(DatasetCheckResult, col(DatasetCheckResult.check_id) == col(DatasetCheck.id))
        .where(
            DatasetCheckResult.version == DatasetVersion.version,
            DatasetCheckResult.status != PASSED,
            DatasetCheckResult.severity == "block",
            col(DatasetVersion.held_for).is_(None),
            col(DatasetVersion.id).in_(versions.newest_ids()),
        )
    )
    for row, result in session.exec(query):
        ref = f"{row.dataset}@{row.version}"
        yield Item(
            kind="dataset",
            ref=ref,
            key=f"{ref}:{result.check_id}",
            occurrence="",
            title=f"{ref} fails a blocking quality check",
            state=FAILED,
            message=result.message,
            at=result.checked_at,
        )


def _last_end(session: Session, row: Deployment) -> str:
    query = select(Replica.last_exit).where(
        Replica.deployment == row.name, Replica.version == row.version, Replica.last_exit != ""
    )
    return session.exec(query).first() or ""
