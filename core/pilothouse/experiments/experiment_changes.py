"""Writing experiments and their tags, for protocols and importers too: they bring ids and dates.

`catalog` makes the experiments of people and of training jobs. What is written here comes from
other programs, whose names may be longer and which know files elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments.tables import Experiment, ExperimentTag, Run
from pilothouse.kit.errors import Conflict
from pilothouse.storage import Store

DEFAULT_ID, DEFAULT_NAME = 0, "Default"


@dataclass(frozen=True)
class NewExperiment:
    """An experiment as another program describes it; without dates it is made now."""

    name: str
    id: int | None = None
    note: str = ""
    artifact_location: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    archived_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def create(
    session: Session, store: Store, new: NewExperiment, reason: str | None = None
) -> Experiment:
    """Make an experiment. Raises Conflict when the name is taken."""
    _require_free(session, new.name)
    created_at = new.created_at or store.now()
    experiment = Experiment(
        id=new.id,
        name=new.name,
        note=new.note,
        created_at=created_at,
        updated_at=new.updated_at or created_at,
        created_by=store.actor,
        archived_at=new.archived_at,
        artifact_location=new.artifact_location or None,
    )
    session.add(experiment)
    session.flush()

    for key, value in new.tags.items():
        session.add(ExperimentTag(experiment_id=experiment.id or 0, key=key, value=value))
    activity.record(session, store, "created", "experiment", new.name, reason=reason or "")
    return experiment


def _require_free(session: Session, name: str, but: int | None = None) -> None:
    query = select(col(Experiment.id)).where(col(Experiment.name) == name)
    if but is not None:
        query = query.where(col(Experiment.id) != but)
    if session.scalars(query).first() is not None:
        raise Conflict(f"an experiment named {name!r} exists already.")


def rename(session: Session, store: Store, experiment: Experiment, name: str) -> None:
    """Give an experiment another name. Raises Conflict when the name is taken."""
    _require_free(session, name, but=experiment.id)
    before, experiment.name = experiment.name, name
    _save(session, store, experiment, "renamed", before={"name": before}, after={"name": name})


def archive(session: Session, store: Store, experiment: Experiment) -> None:
    """Archive an experiment with its runs; runs that were archived before keep their instant."""
    experiment.archived_at = store.now()
    _move_runs(session, experiment, None, experiment.archived_at)
    _save(session, store, experiment, "archived")


def restore(session: Session, store: Store, experiment: Experiment) -> None:
    """Restore an experiment and the runs that were archived with it, and only those."""
    _move_runs(session, experiment, experiment.archived_at, None)
    experiment.archived_at = None
    _save(session, store, experiment, "restored")


def _move_runs(
    session: Session, experiment: Experiment, before: datetime | None, after: datetime | None
) -> None:
    runs = (
        col(Run.experiment_id) == experiment.id,
        col(Run.archived_at).is_not_distinct_from(before),
    )
    session.execute(update(Run).where(*runs).values(archived_at=after))


def _save(
    session: Session,
    store: Store,
    experiment: Experiment,
    verb: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    experiment.updated_at = store.now()
    session.add(experiment)
    name = experiment.name
    activity.record(session, store, verb, "experiment", name, before=before, after=after)


def set_tags(session: Session, experiment_id: int, tags: Mapping[str, str]) -> None:
    """Set tags of an experiment in place of what they were."""
    for key, value in tags.items():
        session.merge(ExperimentTag(experiment_id=experiment_id, key=key, value=value))
    session.flush()


def delete_tag(session: Session, experiment_id: int, key: str) -> bool:
    """Delete a tag of an experiment; whether there was one."""
    statement = delete(ExperimentTag).where(
        col(ExperimentTag.experiment_id) == experiment_id, col(ExperimentTag.key) == key
    )
    return session.connection().execute(statement).rowcount > 0


def ensure_default(session: Session, store: Store) -> None:
    """Make the experiment 0, which MLflow clients take for granted, when it is not there."""
    if session.get(Experiment, DEFAULT_ID) is not None:
        return
    query = select(col(Experiment.id)).where(col(Experiment.name) == DEFAULT_NAME)
    is_free = session.scalars(query).first() is None
    name = DEFAULT_NAME if is_free else f"{DEFAULT_NAME} (MLflow)"
    create(session, store, NewExperiment(name, id=DEFAULT_ID))
