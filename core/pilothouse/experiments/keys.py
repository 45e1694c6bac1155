"""The keys of metrics, parameters and tags per experiment, and the values of filter columns.

PERF: keys are registered when a run first has one, so that choosers never scan the runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlmodel import Session, col

from pilothouse.experiments.tables import (
    Experiment,
    KnownKey,
    Param,
    Run,
    RunMetric,
    RunTag,
)

METRIC, PARAM, TAG = "metric", "param", "tag"
TABLES: dict[str, Any] = {METRIC: RunMetric, PARAM: Param, TAG: RunTag}
INSERT_KEYS = (
    f"INSERT INTO {KnownKey.__tablename__} (experiment_id, kind, key) "
    f"SELECT experiment_id, {{0}}, {{0}} FROM {Run.__tablename__} WHERE id = {{0}} "
    "ON CONFLICT DO NOTHING"
)


def register_keys(session: Session, run_id: str, kind: str, keys: Iterable[str]) -> None:
    """Register keys of a run; every writer of rows in `TABLES` calls this."""
    # Always in one order: on PostgreSQL two writers could deadlock otherwise.
    rows = [(kind, key, run_id) for key in sorted(set(keys))]
    if rows:
        connection = session.connection()
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(INSERT_KEYS.format(mark), rows)


def drop_keys(session: Session, experiments: Sequence[int], lost: Mapping[str, Set[str]]) -> None:
    """Drop the keys, by kind, that no run of these experiments has any more."""
    for kind, keys in lost.items():
        table = TABLES[kind]
        has_it = exists().where(
            col(Run.experiment_id) == col(KnownKey.experiment_id),
            col(table.run_id) == col(Run.id),
            col(table.key) == col(KnownKey.key),
        )
        candidates = (
            col(KnownKey.experiment_id).in_(experiments),
            col(KnownKey.kind) == kind,
            col(KnownKey.key).in_(keys),
        )
        session.connection().execute(delete(KnownKey).where(*candidates, ~has_it))


def distinct_keys(session: Session, kind: str, experiment: str | None = None) -> list[str]:
    """Every key of a kind, of one experiment or of all, in order."""
    query = select(col(KnownKey.key)).where(col(KnownKey.kind) == kind).distinct()
    if experiment is not None:
        query = query.join(Experiment, col(Experiment.id) == col(KnownKey.experiment_id))
        query = query.where(col(Experiment.name) == experiment)
    return list(session.scalars(query.order_by(col(KnownKey.key))))


def facets(session: Session) -> dict[str, list[str]]:
    """Every experiment, status, trainer and user that occurs, for filters."""
    experiments = session.scalars(select(col(Experiment.name)))
    return {"experiment": sorted(experiments)} | {
        name: _values(session, getattr(Run, name)) for name in ("status", "trainer", "user")
    }


def _values(session: Session, column: Any) -> list[str]:
    """The distinct values of an indexed column.

    PERF: a loose index scan: each value is looked up from the one before it, which reads one entry
    per value where DISTINCT reads all.
    """
    active = col(Run.archived_at).is_(None)
    smallest = select(func.min(column).label("value")).where(active).cte("found", recursive=True)
    following = select(func.min(column)).where(column > smallest.c.value, active).scalar_subquery()
    smallest = smallest.union_all(select(following).where(smallest.c.value.is_not(None)))
    return sorted(value for value in session.scalars(select(smallest.c.value)) if value)
