"""Permanent deletion of runs, with everything that was recorded for them.

The bytes of their files stay in the artifact store, where others may share the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import keys, late_writes, lifecycle
from pilothouse.experiments.tables import (
    Block,
    Experiment,
    Metric,
    Param,
    Run,
    RunArtifact,
    RunInput,
    RunMetric,
    RunModel,
    RunTag,
    SourceUse,
)
from pilothouse.kit.errors import Conflict
from pilothouse.storage import Store, Table

OF_RUNS: tuple[Any, ...] = (Param, RunTag, RunArtifact, RunInput, SourceUse, RunModel, RunMetric)
ROOM = "experiments_"
CHUNK = 500
MAX_LISTED = 5


def delete(session: Session, store: Store, run_ids: Sequence[str], reason: str = "") -> int:
    """Delete archived runs and the runs under them for good, and return how many went.

    Raises NotFound for an id that names no run; Conflict, naming them, when one of the runs is not
    archived or something else rests on one: a model version above all. Nothing is deleted then.
    """
    named = [lifecycle.require(session, run_id) for run_id in dict.fromkeys(run_ids)]
    ids = _with_descendants(session, [run.id for run in named])
    _check_archived(session, ids)
    _check_unused(session, ids)
    for run in named:
        before = {"experiment": _experiment(session, run.experiment_id), "status": run.status}
        activity.record(
            session, store, "deleted", "run", run.id, name=run.name, before=before, reason=reason
        )
    session.expunge_all()
    _delete(session, ids)
    return len(ids)


def _with_descendants(session: Session, ids: list[str]) -> list[str]:
    selected, last = dict.fromkeys(ids), ids
    while last:
        under = [
            run_id
            for part in _chunks(last)
            for run_id in session.scalars(select(col(Run.id)).where(col(Run.parent_id).in_(part)))
        ]
        last = [run_id for run_id in under if run_id not in selected]
        selected |= dict.fromkeys(last)
    return list(selected)


def _check_archived(session: Session, ids: Sequence[str]) -> None:
    unarchived = [
        name
        for part in _chunks(ids)
        for name in session.scalars(
            select(col(Run.name)).where(col(Run.id).in_(part), col(Run.archived_at).is_(None))
        )
    ]
    if unarchived:
        raise Conflict(
            f"only archived runs can be deleted for good; {_join_names(unarchived)} "
            f"{'is' if len(unarchived) == 1 else 'are'} not archived.",
            hint="Archive them first, and the runs under them too.",
        )


def _check_unused(session: Session, ids: Sequence[str]) -> None:
    """Raise Conflict when rows of other packages refer to the runs; foreign keys name them."""
    using = [
        reference
        for table, column in _references()
        for reference in _rows(session, table, column, ids)
    ]
    using = using or [
        f"registry version {version}" for version in late_writes.versions_holding(session, ids)
    ]
    if using:
        raise Conflict(
            f"{_join_names(using)} {'rests' if len(using) == 1 else 'rest'} on these runs.",
            hint="Leave out the runs that are in use; they can stay archived.",
        )


def _references() -> Iterator[tuple[Any, Any]]:
    target: Any = Run.__table__.c.id  # type: ignore[attr-defined]
    for table in Table.metadata.sorted_tables:
        if not table.name.startswith(ROOM):
            for column in table.columns:
                if any(key.column is target for key in column.foreign_keys):
                    yield table, column


def _rows(session: Session, table: Any, column: Any, ids: Sequence[str]) -> Iterator[str]:
    noun = table.name.replace("_", " ")
    for part in _chunks(ids):
        for row in session.execute(select(*table.primary_key).where(column.in_(part))):
            yield f"{noun} {' '.join(map(str, row))}"


def _delete(session: Session, ids: Sequence[str]) -> None:
    connection = session.connection()
    lost = {kind: _keys(session, table, ids) for kind, table in keys.TABLES.items()}
    experiments = {
        number
        for part in _chunks(ids)
        for number in session.scalars(select(col(Run.experiment_id)).where(col(Run.id).in_(part)))
    }

    for part in _chunks(ids):
        series = select(col(RunMetric.id)).where(col(RunMetric.run_id).in_(part))
        for points in (Metric, Block):
            connection.execute(sqlalchemy.delete(points).where(col(points.series).in_(series)))
        for table in OF_RUNS:
            connection.execute(sqlalchemy.delete(table).where(col(table.run_id).in_(part)))
        connection.execute(update(Run).where(col(Run.id).in_(part)).values(parent_id=None))

    try:
        for part in _chunks(ids):
            connection.execute(sqlalchemy.delete(Run).where(col(Run.id).in_(part)))
    except IntegrityError as used:  # by a package whose tables this process has not loaded
        raise Conflict("something else depends on these runs.") from used

    keys.drop_keys(session, sorted(experiments), lost)


def _keys(session: Session, table: Any, ids: Sequence[str]) -> set[str]:
    of_run = select(col(table.key)).distinct()
    return {
        key
        for part in _chunks(ids)
        for key in session.scalars(of_run.where(col(table.run_id).in_(part)))
    }


def _experiment(session: Session, number: int) -> str:
    return session.scalars(select(col(Experiment.name)).where(col(Experiment.id) == number)).one()


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
