"""Points of a metric, and the summary that any order of their arrival leads to.

A summary is a merge of facts that do not depend on order: extremes, and the first and last point
in the order of the history's own key (step, instant, value). So batches may come late, again, or
mixed up, and the summary still says what the history says.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress, islice

from pilothouse.experiments.metrics.kinds import Direction
from pilothouse.kit.clock import EPOCH
from pilothouse.kit.errors import Invalid

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Points:
    """A stretch of one metric's history; `at` is one instant for all, one for each, or now.

    `at_us` tells each instant in microseconds since the epoch instead: a thousand datetimes cost
    more than writing the points.
    """

    key: str
    steps: Sequence[int]
    values: Sequence[float]
    at: datetime | Sequence[datetime] | None = None
    at_us: Sequence[int] | None = None


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one run at a glance; NaN where the history holds no number."""

    first: float
    first_step: int
    first_at: datetime
    last: float
    last_step: int
    last_at: datetime
    min: float
    max: float
    best: float
    best_step: int | None
    count: int

    @property
    def value(self) -> float:
        """The last value: what a table shows when nothing else is asked for."""
        return self.last


@dataclass(frozen=True)
class History:
    """Points as columns, as the table keeps them: microseconds, 0 for a NaN and a flag for it."""

    steps: list[int]
    instants: list[int]
    values: list[float]
    nans: list[int]

    def __len__(self) -> int:
        return len(self.values)

    def key(self, index: int) -> tuple[int, int, float, int]:
        """What orders a point among the others."""
        return self.steps[index], self.instants[index], self.values[index], self.nans[index]

    def value(self, index: int) -> float:
        """The value of a point, NaN as NaN."""
        return math.nan if self.nans[index] else self.values[index]

    def at(self, indices: Sequence[int]) -> History:
        """The points at some places."""
        return History(*([column[index] for index in indices] for column in vars(self).values()))

    def sorted(self) -> History:
        """The points in the order of their key, each once."""
        rows = sorted(set(zip(*vars(self).values(), strict=True)))
        return History(*map(list, zip(*rows, strict=True))) if rows else self

    def extend(self, other: History) -> None:
        """Append the points of another stretch."""
        for name, column in vars(self).items():
            column.extend(getattr(other, name))

    def flattened(self, series: int) -> list[float]:
        """The points as rows of a series, laid end to end: series, step, instant, value, NaN."""
        width = len(vars(self)) + 1
        flat: list[float] = [series] * (width * len(self))
        for column_index, column in enumerate(vars(self).values(), start=1):
            flat[column_index::width] = column
        return flat


def history_of(batch: Points, now: datetime) -> History:
    """The batch as columns. Raises Invalid when its lengths or types do not fit."""
    steps, values = _integers(batch), _floats(batch)
    if len(steps) != len(values):
        raise Invalid(f"{batch.key!r} has {len(steps)} steps and {len(values)} values.")
    if batch.at_us is not None and len(batch.at_us) != len(values):
        raise Invalid(f"{batch.key!r} has {len(batch.at_us)} instants and {len(values)} values.")
    nans = [0] * len(values)
    if math.isnan(sum(values)):  # in the usual case nobody looks at each value
        nans = [int(math.isnan(value)) for value in values]
        values = [0.0 if nan else value for value, nan in zip(values, nans, strict=True)]
    return History(steps, _instants(batch, len(values), now), values, nans)


def _integers(batch: Points) -> list[int]:
    try:
        return list(map(operator.index, batch.steps))
    except TypeError as wrong:
        raise Invalid(f"a step of {batch.key!r} is no whole number: {wrong}.") from wrong


def _floats(batch: Points) -> list[float]:
    try:
        return list(map(float, batch.values))
    except (TypeError, ValueError) as wrong:
        raise Invalid(f"a value of {batch.key!r} is no number: {wrong}.") from wrong


def _instants(batch: Points, count: int, now: datetime) -> list[int]:
    if batch.at_us is not None:
        return list(batch.at_us)
    if batch.at is None or isinstance(batch.at, datetime):
        return [_microseconds(batch.at or now)] * count
    if len(batch.at) != count:
        raise Invalid(f"{batch.key!r} has {len(batch.at)} instants and {count} values.")
    return [_microseconds(at) for at in batch.at]


def _microseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise Invalid("an instant needs a time zone: hand in an aware datetime.")
    return (at - EPOCH) // MICROSECOND


def summarise(history: History, direction: Direction) -> MetricSummary:
    """The summary of points in any order; there is at least one."""
    rising = all(map(operator.lt, history.steps, islice(history.steps, 1, None)))
    first = 0 if rising else _end_index(history, min)
    last = len(history) - 1 if rising else _end_index(history, max)
    steps, values = history.steps, history.values

    if any(history.nans):
        is_number = [not nan for nan in history.nans]
        steps, values = list(compress(steps, is_number)), list(compress(values, is_number))

    low, high = min(values, default=math.nan), max(values, default=math.nan)
    best = {"higher": high, "lower": low}.get(direction, math.nan)

    return MetricSummary(
        first=history.value(first),
        first_step=history.steps[first],
        first_at=_instant(history.instants[first]),
        last=history.value(last),
        last_step=history.steps[last],
        last_at=_instant(history.instants[last]),
        min=low,
        max=high,
        best=best,
        best_step=_first_step_of(best, steps, values, rising),
        count=len(history),
    )


def _end_index(history: History, choose: Callable[..., int]) -> int:
    """The index of the first or last point; nearly always one alone has the extreme step."""
    step = choose(history.steps)
    if history.steps.count(step) == 1:
        return history.steps.index(step)
    return choose(range(len(history)), key=history.key)


def _first_step_of(
    best: float, steps: Sequence[int], values: Sequence[float], rising: bool
) -> int | None:
    """The first step that reached the best value; None when there is no such value."""
    if rising and values and not math.isnan(best):
        return steps[values.index(best)]
    return min((s for s, v in zip(steps, values, strict=True) if v == best), default=None)


def merge(old: MetricSummary, new: MetricSummary, direction: Direction) -> MetricSummary:
    """The summary of two stretches together; `count` supposes that they share no point."""
    first = min(old, new, key=_first_key)
    last = max(old, new, key=_last_key)
    best, best_step = _best(old, new, direction)

    return MetricSummary(
        first=first.first,
        first_step=first.first_step,
        first_at=first.first_at,
        last=last.last,
        last_step=last.last_step,
        last_at=last.last_at,
        min=_number(min, old.min, new.min),
        max=_number(max, old.max, new.max),
        best=best,
        best_step=best_step,
        count=old.count + new.count,
    )


def _best(old: MetricSummary, new: MetricSummary, direction: Direction) -> tuple[float, int | None]:
    """The better of two; of equals the earlier step. Nothing is best without a direction."""
    if direction == "unknown":
        return math.nan, None
    candidates = [(s.best, s.best_step) for s in (old, new) if s.best_step is not None]
    sign = -1 if direction == "higher" else 1
    return min(candidates, key=lambda pair: (sign * pair[0], pair[1]), default=(math.nan, None))


def _first_key(summary: MetricSummary) -> tuple[int, datetime, float, bool]:
    return _point_key(summary.first_step, summary.first_at, summary.first)


def _last_key(summary: MetricSummary) -> tuple[int, datetime, float, bool]:
    return _point_key(summary.last_step, summary.last_at, summary.last)


def _point_key(step: int, at: datetime, value: float) -> tuple[int, datetime, float, bool]:
    nan = math.isnan(value)
    return step, at, 0.0 if nan else value, nan


def _number(choose: Callable[[float, float], float], a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return b if math.isnan(a) else a
    return choose(a, b)


def _instant(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND
