"""What people say of metrics, over what the keys suggest; and what follows when they change it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments.keys import METRIC
from pilothouse.experiments.metrics.history import history
from pilothouse.experiments.metrics.kinds import Direction, MetricKind, metric_kind
from pilothouse.experiments.tables import KnownKey, MetricNote, RunMetric
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.storage import Store

MAX_TEXT_LENGTH = 80
RUNS_AT_ONCE = 200
BEST: Mapping[Direction, Any] = {"higher": RunMetric.max, "lower": RunMetric.min}
# By the metric's own row; `series` is its number.
REWRITE = (
    update(RunMetric)
    .where(col(RunMetric.id) == bindparam("series"))
    .values(best=bindparam("value"), best_step=bindparam("step"))
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True)
class MetricDescription:
    """What somebody says of a metric; None leaves what its key suggests."""

    title: str | None = None
    direction: Direction | None = None
    unit: str = ""
    format: str | None = None
    target: float | None = None
    tolerance: float | None = None


@dataclass(frozen=True)
class MetricKinds:
    """Every metric as people want it read: their notes over the guesses.

    `changed` has the instant at which each note was last changed. With the signature of a model,
    metrics have the titles of its task, and the unit of its target.
    """

    notes: Mapping[str, MetricDescription]
    changed: Mapping[str, datetime]
    signature: Signature | None = None

    def of_model(self, signature: Signature | None) -> MetricKinds:
        """The same for the metrics of a model with this signature."""
        return replace(self, signature=signature)

    def of(self, key: str) -> MetricKind:
        """What is known of a metric."""
        guess, note = self._guess(key), self.notes.get(key)
        if note is None:
            return guess
        overrides = {name: value for name, value in asdict(note).items() if value is not None}
        return replace(guess, **overrides)

    def _guess(self, key: str) -> MetricKind:
        if self.signature is None:
            return metric_kind(key)
        guess = metric_kind(key, self.signature.task)
        return replace(guess, unit=self.signature.unit) if guess.in_target_unit else guess

    def direction(self, key: str) -> Direction:
        """Which way is better."""
        return self.of(key).direction

    def has_direction(self, key: str) -> bool:
        """Whether it is known which way the metric is better."""
        return self.direction(key) != "unknown"


def metric_kinds(session: Session) -> MetricKinds:
    """The notes of a workspace; there are as many as people cared to write."""
    rows = list(session.scalars(select(MetricNote)))
    names = [field.name for field in fields(MetricDescription)]
    notes = {
        row.key: MetricDescription(**{name: getattr(row, name) for name in names}) for row in rows
    }
    return MetricKinds(notes, {row.key: row.updated_at for row in rows})


def describe(
    session: Session, store: Store, key: str, description: MetricDescription, reason: str = ""
) -> None:
    """Put this in the place of what was said of a metric.

    A new direction gives every run its best value and step anew. Raises Invalid for what cannot be.
    """
    _check(key, description)
    before = metric_kinds(session)
    old = before.notes.get(key, MetricDescription())
    if old == description:
        return

    values = asdict(description)
    note = session.get(MetricNote, key) or MetricNote(
        key=key, updated_at=store.now(), updated_by=store.actor
    )
    for name, value in values.items():
        setattr(note, name, value)

    note.updated_at, note.updated_by = store.now(), store.actor
    session.add(note)
    record(
        session, store, "described", "metric", key, before=asdict(old), after=values, reason=reason
    )
    session.flush()
    direction = description.direction or metric_kind(key).direction

    if direction != before.direction(key):
        _rewrite_best(session, key, direction)


def _check(key: str, description: MetricDescription) -> None:
    faults: dict[str, str] = {}
    if not key.strip():
        faults["key"] = "names no metric"
    if description.title is not None and not 0 < len(description.title.strip()) <= MAX_TEXT_LENGTH:
        faults["title"] = f"has 1 to {MAX_TEXT_LENGTH} characters"
    if description.direction not in (None, "higher", "lower", "unknown"):
        faults["direction"] = "is higher, lower or unknown"
    if len(description.unit) > MAX_TEXT_LENGTH:
        faults["unit"] = f"has at most {MAX_TEXT_LENGTH} characters"
    if description.format is not None and not _is_valid_format(description.format):
        faults["format"] = "is one such as .4f, .2% or ,.0f"
    if description.target is not None and not math.isfinite(description.target):
        faults["target"] = "is a number"
    if description.tolerance is not None and not (
        math.isfinite(description.tolerance) and description.tolerance >= 0
    ):
        faults["tolerance"] = "is a number, 0 or more"
    if faults:
        message = "; ".join(f"its {name} {fault}" for name, fault in faults.items())
        raise Invalid(f"the metric {key!r} cannot be described so: {message}.", fields=faults)


def _is_valid_format(spec: str) -> bool:
    """Whether a format spec is one of plain figures: no width that fills a page."""
    if len(spec) > 8:
        return False
    try:
        written = format(1.5, spec)
    except ValueError:
        return False
    return len(written) <= 40


def metrics_with_outdated_best(session: Session) -> list[str]:
    """The metrics with a best value that does not follow from their direction.

    An earlier release may have read another direction from the name of a metric.
    """
    kinds = metric_kinds(session)
    logged = select(col(KnownKey.key)).where(col(KnownKey.kind) == METRIC).distinct()
    return [key for key in sorted(session.scalars(logged)) if _is_outdated(session, kinds, key)]


def _is_outdated(session: Session, kinds: MetricKinds, key: str) -> bool:
    chosen = BEST.get(kinds.direction(key))
    best = col(RunMetric.best)
    is_wrong = best.is_not(None) if chosen is None else best.is_distinct_from(col(chosen))
    query = select(col(RunMetric.id)).where(col(RunMetric.key) == key, is_wrong).limit(1)
    return session.scalars(query).first() is not None


def refresh_best(session: Session, keys: Sequence[str]) -> None:
    """Give every run its best value of these metrics anew, by the direction they have now."""
    kinds = metric_kinds(session)
    for key in keys:
        _rewrite_best(session, key, kinds.direction(key))


def _rewrite_best(session: Session, key: str, direction: Direction) -> None:
    if direction not in BEST:
        of_key = update(RunMetric).where(col(RunMetric.key) == key)
        session.connection().execute(of_key.values(best=None, best_step=None))
        return

    chosen = BEST[direction]
    query = select(
        col(RunMetric.id), col(RunMetric.run_id), col(chosen), col(RunMetric.count),
        col(RunMetric.last_step),
    ).where(col(RunMetric.key) == key)  # fmt: skip
    rows = session.execute(query).all()
    alone = [row for row in rows if row[3] == 1 or row[2] is None]
    updates = [
        {"series": row[0], "value": row[2], "step": None if row[2] is None else row[4]}
        for row in alone
    ]
    many = [row for row in rows if row[3] > 1 and row[2] is not None]

    for part in _chunks(many):
        steps = _first_step_of_best(session, key, {row[1]: row[2] for row in part})
        updates += [{"series": row[0], "value": row[2], "step": steps.get(row[1])} for row in part]

    if updates:
        session.connection().execute(REWRITE, updates)


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), RUNS_AT_ONCE):
        yield rows[start : start + RUNS_AT_ONCE]


def _first_step_of_best(session: Session, key: str, best: Mapping[str, float]) -> dict[str, int]:
    """The first step at which each run reached its best value."""
    points = history(session, list(best), [key])
    reached = points[points["value"] == points["run"].map(dict(best))]
    return {str(run): int(step) for run, step in reached.groupby("run")["step"].min().items()}
