"""Where the events of a timeline come from: the rows that decisions, deployments and alerts leave.

A source gives the instants and keys of its events, and reads some of them whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, case, cast, literal, or_, select
from sqlmodel import Session, col

from pilothouse.activity.tables import ActivityEntry
from pilothouse.data.tables import DatasetVersion
from pilothouse.deployments.tables import Deployment, Revision
from pilothouse.governance.outcomes import PromotionOutcome, outcome_of
from pilothouse.governance.promise import CONTRADICTED
from pilothouse.jobs.tables import Job
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.tables import FIRING, RESOLVED, Alert, AlertEvent, AlertRule
from pilothouse.pipelines.retraining_decisions import ASKED, DECLINED, WITHDRAWN
from pilothouse.pipelines.tables import RetrainingDecision
from pilothouse.registry.tables import ModelVersion, Promotion, StageChange
from pilothouse.storage.tables import Utc

PROMOTION, STAGE, VERSION, DEPLOYMENT = "promotion", "stage", "version", "deployment"
ALERT, RETRAINING, DATA, SETTINGS = "alert", "retraining", "data", "settings"
KINDS = (PROMOTION, STAGE, VERSION, DEPLOYMENT, ALERT, RETRAINING, DATA, SETTINGS)
RETRAIN_JOB = "retrain"
# Objects of the audit log whose changes decide what happens later.
SETTINGS_KINDS = ("gate_policy", "policy", "stages", "rule", "schedule", "channel", "silence")
OF_ALL_MODELS = ("gate_policy", "policy", "stages")

# A selection of instants and keys. SQLAlchemy types each by its columns.
Keys = Any
Rows = Iterator[tuple[str, "TimelineEvent"]]


@dataclass(frozen=True)
class TimelineEvent:
    """One event: what happened, to which object (`object_kind` and `ref` are its address), who.

    `event` is one word for it, such as accepted or rolled back.
    """

    at: datetime
    kind: str
    event: str
    title: str
    reason: str
    by: str
    model: str
    object_kind: str
    ref: str


@dataclass(frozen=True)
class EventScope:
    """Of which model, with the names of its datasets, and of which span of time.

    `contradicted` are the promotions whose promise live labels have contradicted: that is computed
    from windows, and no row says it.
    """

    model: str | None
    datasets: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    contradicted: tuple[PromotionOutcome, ...] = ()

    def within(self, query: Keys, at: Any) -> Keys:
        """The events of the span."""
        if self.since is not None:
            query = query.where(at >= self.since)
        return query if self.until is None else query.where(at < self.until)

    def of_model(self, query: Keys, model: Any) -> Keys:
        """The events of the model, where one is asked for."""
        return query if self.model is None else query.where(model == self.model)

    def of_deployment(self, query: Keys, deployment: Any) -> Keys:
        """The events of the model's deployments, where one is asked for."""
        if self.model is None:
            return query
        names = select(col(Deployment.name)).where(col(Deployment.model) == self.model)
        return query.where(deployment.in_(names))


@dataclass(frozen=True)
class EventSource:
    """One source: `keys` selects instant and key, `read` gives the events of some keys."""

    kind: str
    keys: Callable[[EventScope], Keys]
    read: Callable[[Session, Sequence[str]], Rows]


def _requests(scope: EventScope) -> Keys:
    """Promotions that waited for a decision, or still do."""
    at = col(Promotion.requested_at)
    waited = or_(col(Promotion.decided_at).is_(None), col(Promotion.decided_at) > at)
    query = select(at, col(Promotion.id)).where(waited)
    return scope.of_model(scope.within(query, at), col(Promotion.model))


def _decisions(scope: EventScope) -> Keys:
    at = col(Promotion.decided_at)
    query = select(at, col(Promotion.id)).where(at.is_not(None))
    return scope.of_model(scope.within(query, at), col(Promotion.model))


def _promotions(session: Session, keys: Sequence[str]) -> Iterator[Any]:
    """The promotions without their evidence, which is large."""
    names = (
        "id", "model", "version", "stage", "status", "reason", "requested_by", "requested_at",
        "decided_by", "decided_at", "decision_reason",
    )  # fmt: skip
    columns = [getattr(Promotion, name) for name in names]
    yield from session.execute(select(*columns).where(col(Promotion.id).in_(keys)))


def _read_requests(session: Session, keys: Sequence[str]) -> Rows:
    for row in _promotions(session, keys):
        title = f"{row.model} {row.version} to {row.stage} was requested"
        yield row.id, _promotion(row, "requested", title, row.requested_at, row.requested_by)


def _read_decisions(session: Session, keys: Sequence[str]) -> Rows:
    for row in _promotions(session, keys):
        title = f"{row.model} {row.version} to {row.stage} was {row.status}"
        yield row.id, _promotion(row, row.status, title, row.decided_at, row.decided_by)


def _promotion(row: Any, event: str, title: str, at: datetime, by: str) -> TimelineEvent:
    decided = event != "requested"
    reason = (row.decision_reason or row.reason) if decided else row.reason
    return TimelineEvent(at, PROMOTION, event, title, reason, by, row.model, "promotion", row.id)


def _contradictions(scope: EventScope) -> Keys:
    """Promotions at the instant of the window that contradicted them."""
    instants = {one.promotion: one.since for one in scope.contradicted if one.since is not None}
    key = col(Promotion.id)
    if not instants:
        return select(col(Promotion.decided_at), key).where(key.is_(None))
    choices = {promotion: literal(at, Utc()) for promotion, at in instants.items()}
    at = case(choices, value=key)
    return scope.within(select(at, key).where(key.in_(instants)), at)


def _read_contradictions(session: Session, keys: Sequence[str]) -> Rows:
    for key in keys:
        outcome = outcome_of(session, key)
        title = f"Live labels contradict the promotion of {outcome.model} {outcome.version}"
        yield (
            key,
            TimelineEvent(
                *(outcome.since or outcome.decided_at, PROMOTION, CONTRADICTED, title),
                *(outcome.message, "monitoring", outcome.model, "promotion", key),
            ),
        )


def _moves(scope: EventScope) -> Keys:
    """Moves without a promotion: what was archived, and what other registries' clients moved."""
    at = col(StageChange.at)
    query = select(at, col(StageChange.id)).where(col(StageChange.promotion_id).is_(None))
    return scope.of_model(scope.within(query, at), col(StageChange.model))


def _read_moves(session: Session, keys: Sequence[str]) -> Rows:
    query = select(StageChange).where(col(StageChange.id).in_(map(int, keys)))
    for row in session.scalars(query):
        title = f"{row.model} {row.version} moved from {row.before} to {row.after}"
        ref = f"{row.model}@{row.version}"
        event = TimelineEvent(
            row.at, STAGE, row.after, title, row.reason, row.by, row.model, VERSION, ref
        )
        yield str(row.id), event


def _versions(scope: EventScope) -> Keys:
    at = col(ModelVersion.created_at)
    key = col(ModelVersion.model) + "@" + cast(col(ModelVersion.version), String)
    return scope.of_model(scope.within(select(at, key), at), col(ModelVersion.model))


def _read_versions(session: Session, keys: Sequence[str]) -> Rows:
    names = ("model", "version", "dataset", "note", "created_at", "created_by")
    for key in keys:
        model, _, version = key.rpartition("@")
        query = select(*[getattr(ModelVersion, name) for name in names]).where(
            col(ModelVersion.model) == model, col(ModelVersion.version) == int(version)
        )
        row = session.execute(query).one()
        data = f", trained on {row.dataset}" if row.dataset else ""
        title = f"{model} {version} was registered{data}"
        yield (
            key,
            TimelineEvent(
                *(row.created_at, VERSION, "registered", title, row.note, row.created_by),
                *(model, VERSION, key),
            ),
        )


def _revisions(scope: EventScope) -> Keys:
    at = col(Revision.at)
    query = scope.within(select(at, col(Revision.id)), at)
    return scope.of_model(query, col(Revision.model))


def _read_revisions(session: Session, keys: Sequence[str]) -> Rows:
    names = ("id", "at", "deployment", "seq", "action", "model", "version", "reason", "by")
    columns = [getattr(Revision, name) for name in names]
    for row in session.execute(select(*columns).where(col(Revision.id).in_(map(int, keys)))):
        action = "switched" if row.action == "swapped" else row.action
        version = f"{row.model} {row.version}" if row.model else f"description {row.version}"
        title = f"{row.deployment} was {action} ({version}, revision {row.seq})"
        yield (
            str(row.id),
            TimelineEvent(
                *(row.at, DEPLOYMENT, action, title, row.reason, row.by),
                *(row.model, DEPLOYMENT, row.deployment),
            ),
        )


def _alerts(scope: EventScope) -> Keys:
    """Alerts that fired, and those of them that were resolved."""
    at = col(AlertEvent.at)
    ended = (col(AlertEvent.after) == RESOLVED) & col(Alert.fired_at).is_not(None)
    query = (
        select(at, col(AlertEvent.id))
        .join(Alert, col(Alert.id) == col(AlertEvent.alert_id))
        .where(or_(col(AlertEvent.after) == FIRING, ended))
    )
    return scope.of_deployment(scope.within(query, at), col(Alert.deployment))


def _read_alerts(session: Session, keys: Sequence[str]) -> Rows:
    query = (
        select(AlertEvent, Alert, col(AlertRule.signal), col(Deployment.model))
        .join(Alert, col(Alert.id) == col(AlertEvent.alert_id))
        .join(AlertRule, col(AlertRule.id) == col(Alert.rule_id))
        .join(Deployment, col(Deployment.name) == col(Alert.deployment))
        .where(col(AlertEvent.id).in_(map(int, keys)))
    )
    for event, alert, signal, model in session.execute(query):
        verb = "fired" if event.after == FIRING else "was resolved"
        of_signal = signal.replace("_", " ")
        title = f"{rule_title(alert.name)} ({of_signal}) on {alert.deployment} {verb}"
        reason = alert.message if event.after == FIRING else event.note
        word = "fired" if event.after == FIRING else RESOLVED
        yield (
            str(event.id),
            TimelineEvent(event.at, ALERT, word, title, reason, event.by, model, ALERT, alert.id),
        )


def _retrainings(scope: EventScope) -> Keys:
    at = col(Job.created_at)
    query = select(at, col(Job.id)).where(col(Job.kind) == RETRAIN_JOB)
    return scope.of_deployment(scope.within(query, at), col(Job.subject_ref))


def _read_retrainings(session: Session, keys: Sequence[str]) -> Rows:
    query = (
        select(Job, col(Deployment.model))
        .outerjoin(Deployment, col(Deployment.name) == col(Job.subject_ref))
        .where(col(Job.id).in_(keys))
    )
    for job, model in session.execute(query):
        title = f"A retraining of {job.subject_ref} was started, and {job.status}"
        if job.ended_at is None:
            title = f"A retraining of {job.subject_ref} was started"
        yield (
            job.id,
            TimelineEvent(
                *(job.created_at, RETRAINING, job.status, title, job.error or job.message),
                *(job.requested_by, model or "", "job", job.id),
            ),
        )


def _retraining_requests(scope: EventScope) -> Keys:
    """Retrainings that were asked for, and what came of that without one."""
    at = col(RetrainingDecision.at)
    query = select(at, col(RetrainingDecision.id)).where(
        col(RetrainingDecision.outcome).in_((ASKED, DECLINED, WITHDRAWN))
    )
    return scope.of_deployment(scope.within(query, at), col(RetrainingDecision.deployment))


def _read_retraining_requests(session: Session, keys: Sequence[str]) -> Rows:
    query = (
        select(RetrainingDecision, col(Deployment.model))
        .join(Deployment, col(Deployment.name) == col(RetrainingDecision.deployment))
        .where(col(RetrainingDecision.id).in_(keys))
    )
    for row, model in session.execute(query):
        ended = "" if row.outcome == ASKED else f", and {row.outcome}"
        title = f"A retraining of {row.deployment} was asked for{ended}"
        by = row.decided_by or "retraining"
        reason = row.message or row.reason
        yield (
            row.id,
            TimelineEvent(
                *(row.at, RETRAINING, row.outcome, title, reason, by, model),
                *(DEPLOYMENT, row.deployment),
            ),
        )


def _data(scope: EventScope) -> Keys:
    at = col(DatasetVersion.created_at)
    query = scope.within(select(at, col(DatasetVersion.id)), at)
    if scope.model is None:
        return query
    return query.where(col(DatasetVersion.dataset).in_(scope.datasets))


def _read_data(session: Session, keys: Sequence[str]) -> Rows:
    names = ("id", "dataset", "version", "rows", "note", "created_at", "created_by")
    columns = [getattr(DatasetVersion, name) for name in names]
    for row in session.execute(select(*columns).where(col(DatasetVersion.id).in_(map(int, keys)))):
        ref = f"{row.dataset}@{row.version}"
        title = f"{row.dataset} {row.version} was registered, {row.rows:,} rows"
        yield (
            str(row.id),
            TimelineEvent(
                *(row.created_at, DATA, "registered", title, row.note, row.created_by),
                *("", "dataset", ref),
            ),
        )


def _settings(scope: EventScope) -> Keys:
    """Changes of gates, rules and schedules; of one model those of gates, which are for all."""
    at = col(ActivityEntry.at)
    kinds = SETTINGS_KINDS if scope.model is None else OF_ALL_MODELS
    query = select(at, col(ActivityEntry.seq)).where(col(ActivityEntry.kind).in_(kinds))
    return scope.within(query, at)


def _read_settings(session: Session, keys: Sequence[str]) -> Rows:
    query = select(ActivityEntry).where(col(ActivityEntry.seq).in_(map(int, keys)))
    for entry in session.scalars(query):
        what = entry.kind.replace("_", " ")
        title = f"{what.capitalize()} {entry.name or entry.ref} was {entry.verb}"
        yield (
            str(entry.seq),
            TimelineEvent(
                *(entry.at, SETTINGS, entry.verb, title, entry.reason, entry.actor),
                *("", entry.kind, entry.ref),
            ),
        )


SOURCES = (
    EventSource(PROMOTION, _requests, _read_requests),
    EventSource(PROMOTION, _decisions, _read_decisions),
    EventSource(PROMOTION, _contradictions, _read_contradictions),
    EventSource(STAGE, _moves, _read_moves),
    EventSource(VERSION, _versions, _read_versions),
    EventSource(DEPLOYMENT, _revisions, _read_revisions),
    EventSource(ALERT, _alerts, _read_alerts),
    EventSource(RETRAINING, _retrainings, _read_retrainings),
    EventSource(RETRAINING, _retraining_requests, _read_retraining_requests),
    EventSource(DATA, _data, _read_data),
    EventSource(SETTINGS, _settings, _read_settings),
)
