"""Experiments: creating, finding and listing them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments.names import check_name
from pilothouse.experiments.tables import RUNNING, Experiment, Run
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

MAX_NAME_LENGTH = 250
COLUMNS = ("name", "note", "runs", "running", "last_run_at", "created_at", "created_by")


def create(session: Session, store: Store, name: str, note: str = "") -> Experiment:
    """Create an experiment. Raises Conflict when the name exists, Invalid for a bad name."""
    name = check_name(name, "an experiment's", MAX_NAME_LENGTH)
    if _find(session, name):
        raise Conflict(f"an experiment named {name!r} exists already.")
    experiment = Experiment(name=name, note=note, created_at=store.now(), created_by=store.actor)
    session.add(experiment)
    session.flush()
    activity.record(session, store, "created", "experiment", name)
    return experiment


def require(session: Session, name: str) -> Experiment:
    """The experiment of that name. Raises NotFound, with the known names as a hint."""
    experiment = _find(session, name)
    if experiment is None:
        existing = session.scalars(
            select(col(Experiment.name)).order_by(col(Experiment.name)).limit(10)
        )
        raise NotFound(
            f"no experiment named {name!r}", hint=f"Known: {', '.join(existing) or 'none yet'}."
        )
    return experiment


def require_or_create(session: Session, store: Store, name: str) -> Experiment:
    """The experiment of that name; a missing one is created."""
    return _find(session, name) or create(session, store, name)


def experiments(session: Session) -> pd.DataFrame:
    """One row per experiment, the one with the newest run first; columns as in `COLUMNS`."""
    import pandas as pd

    runs, running = _runs(session), _running(session)
    query = select(Experiment).where(col(Experiment.archived_at).is_(None))
    rows = []

    for experiment in session.scalars(query):
        count, newest = runs.get(experiment.id or 0, (0, None))
        at, by = experiment.created_at, experiment.created_by
        rows.append(
            (
                experiment.name,
                experiment.note,
                count,
                running.get(experiment.id or 0, 0),
                newest,
                at,
                by,
            )
        )

    rows.sort(key=lambda row: row[4] or row[5], reverse=True)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for instant in ("last_run_at", "created_at"):
        frame[instant] = pd.to_datetime(frame[instant], utc=True)

    return frame


def _runs(session: Session) -> dict[int, tuple[int, datetime | None]]:
    """The number of runs of each experiment and the newest creation time, from one index."""
    number, newest = col(Run.experiment_id), func.max(col(Run.created_at))
    active = col(Run.archived_at).is_(None)
    query = select(number, func.count(), newest).where(active).group_by(number)
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def _running(session: Session) -> dict[int, int]:
    number = col(Run.experiment_id)
    query = select(number, func.count()).where(
        col(Run.status) == RUNNING, col(Run.archived_at).is_(None)
    )
    return {row[0]: row[1] for row in session.execute(query.group_by(number))}


def _find(session: Session, name: str) -> Experiment | None:
    return session.scalars(select(Experiment).where(col(Experiment.name) == name)).first()
