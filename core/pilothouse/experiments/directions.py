"""Which way each metric is better, for those who write summaries: people's word, else the key's."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.metrics import Direction, metric_kind
from pilothouse.experiments.tables import MetricNote

# Built once: a batch of points asks this every time, and there are few notes or none.
SAID = select(col(MetricNote.key), col(MetricNote.direction)).where(
    col(MetricNote.direction).is_not(None)
)


def directions(session: Session, keys: Iterable[str]) -> dict[str, Direction]:
    """The better direction of each of these metrics."""
    told = said(session)
    return {key: told.get(key) or metric_kind(key).direction for key in keys}


def said(session: Session) -> dict[str, Direction]:
    """The better direction of every metric of which people have said it."""
    return {row[0]: row[1] for row in session.connection().execute(SAID)}  # type: ignore[misc]  # a note holds nothing else
