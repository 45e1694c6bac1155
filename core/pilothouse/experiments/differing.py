"""Which columns tell runs apart: the ones in which the newest runs of a filter differ."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from pilothouse.experiments.search import RESERVED, RunFilter, conditions
from pilothouse.experiments.tables import Param, Run, RunMetric, RunTag

AMONG = 500
OWN = ("status", "trainer", "source", "commit", "dirty", "seed", "user")


def differing(
    session: Session, filter: RunFilter | None = None, among: int = AMONG
) -> tuple[str, ...]:
    """The columns in which the newest runs of a filter differ: their own, params, metrics, tags.

    A parameter, metric or tag that some have and others lack is a difference too.
    """
    newest = _newest(filter or RunFilter(), among)
    count = session.execute(select(func.count()).select_from(newest.subquery())).scalar_one()
    if count < 2:
        return ()
    found = _own(session, newest, count)
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
        found += [
            f"{kind}.{key}"
            for key, having, least, most in session.execute(query)
            if (having < count or least != most) and not key.startswith(RESERVED)
        ]
    return tuple(found)


def _newest(filter: RunFilter, among: int) -> Select[tuple[str]]:
    query = select(col(Run.id)).where(*conditions(filter))
    return query.order_by(col(Run.created_at).desc(), col(Run.id)).limit(among)


def _own(session: Session, newest: Select[tuple[str]], count: int) -> list[str]:
    columns: list[Any] = [("experiment", col(Run.experiment_id))]
    columns += [(name, col(getattr(Run, name))) for name in OWN]
    counts = [func.count(each) for _, each in columns]
    kinds = [func.count(each.distinct()) for _, each in columns]
    row = session.execute(select(*counts, *kinds).where(col(Run.id).in_(newest))).one()
    return [
        name
        for place, (name, _) in enumerate(columns)
        if row[len(columns) + place] > 1 or 0 < row[place] < count
    ]
