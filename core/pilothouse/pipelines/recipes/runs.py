"""The runs that a recipe's code made: found by the tags that MLflow clients give each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from pilothouse.experiments.tables import ENDED, Run, RunTag

if TYPE_CHECKING:
    import pandas as pd

NAME_TAG, JOB_TAG, CODE_TAG = "recipe.name", "recipe.job", "recipe.code"
COLUMNS = ("run", "name", "status", "job", "created_at", "ended_at")


def runs_of_job(session: Session, job_id: str, *, open_only: bool = False) -> list[str]:
    """The runs that a job's code made, the oldest first; or those that have not ended."""
    query = (
        select(Run.id)
        .join(RunTag, col(RunTag.run_id) == col(Run.id))
        .where(RunTag.key == JOB_TAG, RunTag.value == job_id)
        .order_by(col(Run.created_at), col(Run.id))
    )
    if open_only:
        query = query.where(col(Run.status).not_in(ENDED))
    return list(session.exec(query))


def recipe_of_run(session: Session, run: str) -> str:
    """The name of the recipe whose code made a run; empty when none did."""
    tag = session.get(RunTag, (run, NAME_TAG))
    return "" if tag is None else tag.value


def runs_of_recipe(session: Session, name: str) -> pd.DataFrame:
    """The runs of a recipe, newest first: a frame of `COLUMNS`."""
    import pandas as pd

    query = (
        select(Run)
        .join(RunTag, col(RunTag.run_id) == col(Run.id))
        .where(RunTag.key == NAME_TAG, RunTag.value == name)
        .order_by(col(Run.created_at).desc(), col(Run.id))
    )
    runs = list(session.exec(query))
    tags = select(RunTag.run_id, RunTag.value).where(
        RunTag.key == JOB_TAG, col(RunTag.run_id).in_([run.id for run in runs])
    )
    job_of = dict(session.exec(tags).all())
    rows = [
        (run.id, run.name, run.status, job_of.get(run.id, ""), run.created_at, run.ended_at)
        for run in runs
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("created_at", "ended_at"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame
