"""The columns in which the newest runs of a filter differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse.experiments.run_table.filters import RESERVED_TAGS, RunFilter
from pilothouse.experiments.run_table.rows import ids
from pilothouse.experiments.tables import Param, Run, RunMetric, RunTag

NEWEST_RUNS = 500
OWN_COLUMNS = ("status", "trainer", "source", "commit", "dirty", "seed", "user")


def varying_columns(
    session: Session, filter: RunFilter | None = None, among: int = NEWEST_RUNS
) -> tuple[str, ...]:
    """The columns in which the newest runs of a filter differ: params, metrics, tags, their own.

    A parameter, metric or tag that some have and others lack is a difference too.
    """
    newest = ids(session, filter, among)
    count = len(newest)
    if count < 2:
        return ()

    names: list[str] = []
    for kind, table, value in (
        ("params", Param, col(Param.value)),
        ("metrics", RunMetric, col(RunMetric.last)),
        ("tags", RunTag, col(RunTag.value)),
    ):
        query = (
            select(col(table.key), func.count(), func.min(value), func.max(value))
            .where(col(table.run_id).in_(newest))
            .group_by(col(table.key))
            .order_by(col(table.key))
        )
        names += [
            f"{kind}.{key}"
            for key, having, least, most in session.execute(query)
            if (having < count or least != most) and not key.startswith(RESERVED_TAGS)
        ]

    return (*names, *_own_columns(session, newest, count))


def _own_columns(session: Session, newest: Sequence[str], count: int) -> list[str]:
    columns: list[Any] = [("experiment", col(Run.experiment_id))]
    columns += [(name, col(getattr(Run, name))) for name in OWN_COLUMNS]
    counts = [func.count(column) for _, column in columns]
    kinds = [func.count(column.distinct()) for _, column in columns]
    row = session.execute(select(*counts, *kinds).where(col(Run.id).in_(newest))).one()
    return [
        name
        for index, (name, _) in enumerate(columns)
        if row[len(columns) + index] > 1 or 0 < row[index] < count
    ]
