"""The metrics and parameters that a run table shows by default: those that its runs have."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse.experiments.metrics.definitions import MetricKinds, metric_kinds
from pilothouse.experiments.metrics.leading import leading_metrics
from pilothouse.experiments.metrics.name_rules import UNKNOWN, tokens_of
from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse.experiments.run_table.rows import ids
from pilothouse.experiments.tables import Param, Run, RunMetric

NEWEST_RUNS = 200
# Metrics of unseen rows say more than those of the rows that were fitted.
FITTED_STAGES = frozenset(("train", "training", "learn", "fold", "search"))
COST_WORDS = frozenset(
    ("seconds", "time", "ms", "bytes", "runtime", "duration", "latency", "second")
)
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class DefaultColumns:
    """Keys that the newest runs of a filter have, the most relevant first.

    `params` are those in which these runs differ; `has_trainer` is false for runs of other
    programs, which name none.
    """

    metrics: tuple[str, ...]
    params: tuple[str, ...]
    has_trainer: bool


def default_columns(
    session: Session, filter: RunFilter | None = None, among: int = NEWEST_RUNS
) -> DefaultColumns:
    """What the newest runs of a filter have."""
    newest = ids(session, filter, among)
    if not newest:
        return DefaultColumns((), (), False)
    trainers = select(func.count(col(Run.trainer))).where(col(Run.id).in_(newest))
    return DefaultColumns(
        tuple(_metrics(session, newest)),
        tuple(_params(session, newest)),
        bool(session.scalar(trainers)),
    )


def _metrics(session: Session, newest: Sequence[str]) -> list[str]:
    counts = _counts(session, RunMetric, newest)
    return order_metrics(counts, metric_kinds(session), counts)


def order_metrics(
    keys: Collection[str], kinds: MetricKinds, counts: Mapping[str, int] | None = None
) -> list[str]:
    """Metrics of tasks, with a direction, no cost, of unseen rows, common ones first."""
    leading = {key: rank for rank, key in enumerate(leading_metrics(keys))}
    return sorted(keys, key=lambda key: _metric_rank(key, leading, kinds, counts or {}))


def _metric_rank(
    key: str, leading: Mapping[str, int], kinds: MetricKinds, counts: Mapping[str, int]
) -> tuple[Any, ...]:
    rank = leading.get(key, len(leading))
    tokens = set(tokens_of(key))
    return (
        rank,
        kinds.direction(key) == UNKNOWN,
        bool(tokens & COST_WORDS) or key.endswith("_std"),
        bool(tokens & FITTED_STAGES),
        -counts.get(key, 0),
        natural_order(key),
    )


def natural_order(key: str) -> list[tuple[int, str]]:
    """Sorts numbers in names as numbers: layer 2 before layer 10."""
    parts = _DIGITS.split(key.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _params(session: Session, newest: Sequence[str]) -> list[str]:
    """The parameters that differ, the most common first."""
    counts = _counts(session, Param, newest)
    value = col(Param.value)
    query = (
        select(col(Param.key), func.min(value), func.max(value))
        .where(col(Param.run_id).in_(newest))
        .group_by(col(Param.key))
    )
    differing = [
        key
        for key, least, most in session.execute(query)
        if least != most or counts[key] < len(newest)
    ]

    return sorted(differing, key=lambda key: (-counts[key], natural_order(key)))


def _counts(session: Session, table: Any, newest: Sequence[str]) -> dict[str, int]:
    query = (
        select(col(table.key), func.count())
        .where(col(table.run_id).in_(newest))
        .group_by(col(table.key))
    )
    return {row[0]: row[1] for row in session.execute(query)}
