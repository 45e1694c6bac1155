"""Experiments: making them, finding them, and what each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments.tables import RUNNING, Experiment, Run
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 250
COLUMNS = ("name", "note", "runs", "running", "last_run_at", "created_at", "created_by")


def create(session: Session, store: Store, name: str, note: str = "") -> Experiment:
    """Make an experiment. Raises Conflict when the name is taken, Invalid when it cannot be one."""
    name = _checked(name)
    if _find(session, name):
        raise Conflict(f"an experiment named {name!r} exists already.")
    experiment = Experiment(name=name, note=note, created_at=store.now(), created_by=store.actor)
    session.add(experiment)
    session.flush()
    activity.record(session, store, "created", "experiment", name)
    return experiment


def require(session: Session, name: str) -> Experiment:
    """The experiment of that name. Raises NotFound, naming the ones there are."""
    found = _find(session, name)
    if found is None:
        known = session.scalars(
            select(col(Experiment.name)).order_by(col(Experiment.name)).limit(10)
        )
        raise NotFound(
            f"no experiment named {name!r}", hint=f"Known: {', '.join(known) or 'none yet'}."
        )
    return found


def require_or_create(session: Session, store: Store, name: str) -> Experiment:
    """The experiment of that name, made when it is not there yet."""
    return _find(session, name) or create(session, store, name)


def experiments(session: Session) -> pd.DataFrame:
    """One row per experiment, the one with the newest run first; columns as in `COLUMNS`."""
    import pandas as pd

    newest = func.max(col(Run.created_at))
    query = (
        select(
            col(Experiment.name),
            col(Experiment.note),
            func.count(col(Run.id)),
            func.count(case((col(Run.status) == RUNNING, 1))),
            newest,
            col(Experiment.created_at),
            col(Experiment.created_by),
        )
        .outerjoin(
            Run,
            (col(Run.experiment_id) == col(Experiment.id)) & col(Run.archived_at).is_(None),
        )
        .where(col(Experiment.archived_at).is_(None))
        .group_by(col(Experiment.id))
        .order_by(func.coalesce(newest, col(Experiment.created_at)).desc())
    )
    rows = [tuple(row) for row in session.execute(query)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for instant in ("last_run_at", "created_at"):
        frame[instant] = pd.to_datetime(frame[instant], utc=True)
    return frame


def _find(session: Session, name: str) -> Experiment | None:
    return session.scalars(select(Experiment).where(col(Experiment.name) == name)).first()


def _checked(name: str) -> str:
    trimmed = name.strip()
    if not trimmed or len(trimmed) > LONGEST_NAME:
        raise Invalid(
            f"an experiment's name has 1 to {LONGEST_NAME} characters.",
            fields={"name": "required" if not trimmed else "too long"},
        )
    return trimmed
