"""The ancestors of a run, and its descendants as a tree with their metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments.details import ChildRun
from pilothouse.experiments.metrics.kinds import METRICS
from pilothouse.experiments.tables import Param, Run, RunMetric

if TYPE_CHECKING:
    import pandas as pd

MAX_RUNS = 500
MAX_LEVELS = 8
MAX_METRICS = 6
MAX_PARAMS = 6
COLUMNS = ("id", "name", "level", "status", "trainer", "created_at", "duration_s")


def ancestors(session: Session, run_id: str) -> tuple[ChildRun, ...]:
    """The ancestors of a run, the outermost first."""
    above_it: list[ChildRun] = []
    above = select(col(Run.parent_id)).where(col(Run.id) == run_id)
    parent = session.scalars(above).first()
    while parent is not None and len(above_it) < MAX_LEVELS:
        row = session.get(Run, parent)
        if row is None or any(row.id == ancestor.id for ancestor in above_it):
            break
        above_it.append(ChildRun(row.id, row.name, row.status))
        parent = row.parent_id
    return tuple(reversed(above_it))


def descendants(session: Session, run_id: str) -> pd.DataFrame:
    """The descendants of a run in tree order: `COLUMNS`, `params.<key>`, `metrics.<key>`.

    At most `MAX_RUNS`; the metrics that most of them have, the parameters that differ among them.
    """
    import pandas as pd

    rows = _depth_first(_children_by_parent(session, run_id), run_id)
    ids = [row["id"] for row in rows]
    metrics, params = _metrics(session, ids), _params(session, ids)
    records = [row | metrics.get(row["id"], {}) | params.get(row["id"], {}) for row in rows]
    keys = [*COLUMNS, *_most_common(params, MAX_PARAMS), *_most_common(metrics, MAX_METRICS)]
    return pd.DataFrame(records, columns=keys)


def _children_by_parent(session: Session, run_id: str) -> dict[str, list[Run]]:
    """The child runs of each run, level by level."""
    children: dict[str, list[Run]] = {}
    level, visited = [run_id], {run_id}
    for _ in range(MAX_LEVELS):
        query = (
            select(Run)
            .where(col(Run.parent_id).in_(level), col(Run.archived_at).is_(None))
            .order_by(col(Run.created_at), col(Run.id))
            .limit(MAX_RUNS - len(visited) + 1)
        )
        rows = [row for row in session.scalars(query) if row.id not in visited]
        for row in rows:
            children.setdefault(str(row.parent_id), []).append(row)
        visited |= {row.id for row in rows}
        level = [row.id for row in rows]
        if not level or len(visited) > MAX_RUNS:
            break

    return children


def _depth_first(below: dict[str, list[Run]], top: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    waiting = [(run, 0) for run in reversed(below.get(top, []))]
    while waiting:
        run, level = waiting.pop()
        took = (
            (run.ended_at - run.started_at).total_seconds()
            if run.ended_at and run.started_at
            else None
        )
        values = (run.id, run.name, level, run.status, run.trainer, run.created_at, took)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        waiting += [(child, level + 1) for child in reversed(below.get(run.id, []))]

    return rows


def _metrics(session: Session, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    columns = col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.last)
    by_run: dict[str, dict[str, Any]] = {}
    for run, key, value in session.execute(select(*columns).where(columns[0].in_(ids))):
        if not key.endswith("_std"):
            by_run.setdefault(run, {})[f"metrics.{key}"] = value
    return by_run


def _params(session: Session, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    columns = col(Param.run_id), col(Param.key), col(Param.value)
    values: dict[str, dict[str, str]] = {}
    for run, key, value in session.execute(select(*columns).where(columns[0].in_(ids))):
        values.setdefault(key, {})[run] = value
    differing: dict[str, dict[str, Any]] = {}
    for key, by_run in values.items():
        if len(set(by_run.values())) > 1 or len(by_run) < len(ids):
            for run, value in by_run.items():
                differing.setdefault(run, {})[f"params.{key}"] = value
    return differing


def _most_common(values: dict[str, dict[str, Any]], most: int) -> list[str]:
    """The columns that most runs have; of equally common ones the well-known metrics first."""
    counted = Counter(key for of_run in values.values() for key in of_run)
    known_ranks = {f"metrics.{key}": rank for rank, key in enumerate(METRICS)}
    return sorted(counted, key=lambda k: (-counted[k], known_ranks.get(k, len(known_ranks)), k))[
        :most
    ]
