"""Which way each metric is better, for those who write summaries: people's word, else the key's."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from pilothouse.experiments.metrics.kinds import Direction, metric_kind
from pilothouse.experiments.tables import MetricNote

# As a plain statement: a batch of points asks this every time, and there are few notes or none.
DESCRIBED = f"SELECT key, direction FROM {MetricNote.__tablename__} WHERE direction IS NOT NULL"


def directions(session: Session, keys: Iterable[str]) -> dict[str, Direction]:
    """The better direction of each of these metrics."""
    described = described_directions(session)
    return {key: described.get(key) or metric_kind(key).direction for key in keys}


def described_directions(session: Session) -> dict[str, Direction]:
    """The better direction of every metric of which people have said it."""
    return {row[0]: row[1] for row in session.connection().exec_driver_sql(DESCRIBED)}
