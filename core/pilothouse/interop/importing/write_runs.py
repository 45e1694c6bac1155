"""Writing a run as it was: its facts, words and histories through the room's own functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import recording
from pilothouse.experiments.lifecycle import close_holds
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.tables import (
    ENDED,
    RUNNING,
    LoggedModel,
    Param,
    Run,
    RunModel,
    RunTag,
)
from pilothouse.interop.importing import records
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.importing.sanitise import cut, pairs
from pilothouse.interop.mlflow.artifact_paths import Kept
from pilothouse.interop.mlflow.recording import MAX_DATASET_LENGTHS, MAX_PARAM_LENGTH, use_dataset
from pilothouse.interop.mlflow.run_serialisation import PARENT, RUN_NAME
from pilothouse.interop.mlflow.runs import set_tags
from pilothouse.kit import ids
from pilothouse.storage import Store

MAX_TEXT_LENGTH = 500
AT_ONCE = 500  # keys in one statement: databases count what is bound to one
HIGHEST = 1_000  # runs above a run; more than that is a circle or nonsense


def begin(
    session: Session, store: Store, notes: Notes, run: records.RunRecord, experiment_id: int
) -> None:
    """Make the run, or take up the one that is here, and write all of it but points and files."""
    row = session.get(Run, run.id)
    if row is None:
        row = _made(store, run, experiment_id)
        session.add(row)
        session.flush()
    elif row.archived_at is not None:
        row.archived_at = None  # it is deleted there too: `end` puts it back
        session.flush()
    _tag(session, notes, row, run)
    _log_params(session, notes, run)
    for dataset in run.datasets:
        _use_dataset(session, notes, row, dataset)
    for use in run.uses:
        _use_model(session, notes, row, use)


def _made(store: Store, run: records.RunRecord, experiment_id: int) -> Run:
    began = run.started_at or run.ended_at or store.now()
    return Run(
        id=run.id,
        experiment_id=experiment_id,
        name=(run.name or run.tags.get(RUN_NAME, ""))[:MAX_TEXT_LENGTH] or ids.run_name(run.id),
        status=RUNNING,
        created_at=began,
        started_at=began,
        user=run.user[:MAX_TEXT_LENGTH],
        source=run.source[:MAX_TEXT_LENGTH],
        commit=run.commit[:MAX_TEXT_LENGTH] or None,
    )


def _tag(session: Session, notes: Notes, row: Run, run: records.RunRecord) -> None:
    """Set what they say now; what they have not changed may have been changed here since."""
    tags = pairs(run.tags, notes, "tag", run.id)
    query = select(col(RunTag.key), col(RunTag.value)).where(col(RunTag.run_id) == run.id)
    existing = {row.key: row.value for row in session.execute(query)}
    fresh = {key: value for key, value in tags.items() if existing.get(key) != value}
    if fresh:
        set_tags(session, row, fresh)


def _log_params(session: Session, notes: Notes, run: records.RunRecord) -> None:
    params = pairs(run.params, notes, "parameter", run.id, MAX_PARAM_LENGTH)
    query = select(col(Param.key), col(Param.value)).where(col(Param.run_id) == run.id)
    existing = {row.key: row.value for row in session.execute(query)}
    for key, value in params.items():
        if existing.get(key, value) != value:
            message = f"it is {existing[key]!r} here and {value!r} there; ours stays"
            notes.conflict("parameter", f"{run.id}/{key}", message)
    fresh = [(key, value) for key, value in params.items() if key not in existing]
    for start in range(0, len(fresh), AT_ONCE):
        recording.log_params(session, run.id, dict(fresh[start : start + AT_ONCE]))


def _use_dataset(session: Session, notes: Notes, row: Run, dataset: records.DatasetRecord) -> None:
    texts = {
        name: cut(getattr(dataset, name), most, notes, "dataset", f"{dataset.name} {name}")
        for name, most in MAX_DATASET_LENGTHS.items()
    }
    use_dataset(session, row, texts, pairs(dataset.tags, notes, "dataset", dataset.name))


def _use_model(session: Session, notes: Notes, row: Run, use: records.ModelUse) -> None:
    if session.get(LoggedModel, use.model_id) is None:
        message = f"the logged model {use.model_id} of it is not here"
        notes.skipped("model of a run", row.id, message)
        return
    session.merge(
        RunModel(run_id=row.id, model_id=use.model_id, direction=use.direction, step=use.step)
    )
    session.flush()


def log(
    session: Session, store: Store, run_id: str, stretches: Sequence[Points], files: Iterable[Kept]
) -> None:
    """Append points and name files."""
    for start in range(0, len(stretches), AT_ONCE):
        part = stretches[start : start + AT_ONCE]
        recording.log_points(session, store, run_id, part, check_late=False)
    for file in files:
        recording.log_artifact(session, run_id, file.path, file.digest, file.size)


def end(session: Session, store: Store, run: records.RunRecord) -> None:
    """Give the run the end that it had; one that still runs goes on running."""
    row = session.get(Run, run.id)
    assert row is not None
    row.status = run.status or row.status
    if row.status in ENDED:
        row.ended_at = run.ended_at or row.ended_at or row.started_at or store.now()
    if run.deleted and row.archived_at is None:
        row.archived_at = run.deleted_at or row.ended_at or store.now()
    session.add(row)
    session.flush()
    if row.status in ENDED:
        close_holds(session, row.id)


def portions(stretches: Iterable[Points], most: int) -> Iterator[tuple[list[Points], bool]]:
    """Stretches put together to about `most` points, and whether the portion is the last one."""
    waiting: list[Points] = []
    count = 0
    for stretch in stretches:
        if count >= most:
            yield waiting, False
            waiting, count = [], 0
        waiting.append(stretch)
        count += len(stretch.steps)
    yield waiting, True


def waits_for_parent(session: Session, experiment_id: int) -> bool:
    """Whether a run of the experiment names a parent and stands below none."""
    return session.execute(_waiting(experiment_id).limit(1)).first() is not None


def _waiting(experiment_id: int) -> Any:
    return (
        select(Run, col(RunTag.value))
        .join(RunTag, (col(RunTag.run_id) == col(Run.id)) & (col(RunTag.key) == PARENT))
        .where(col(Run.experiment_id) == experiment_id, col(Run.parent_id).is_(None))
    )


def link(session: Session, notes: Notes, experiment_id: int) -> None:
    """Put runs below their parents, which may have come after them."""
    for row, parent_id in session.execute(_waiting(experiment_id)).all():
        parent = session.get(Run, parent_id)
        if parent is None:
            notes.skipped("parent", row.id, f"the run above it, {parent_id}, is not here")
        elif parent.experiment_id != experiment_id:
            notes.noted("parent", row.id, "it is of another experiment: kept as a tag")
        elif _is_above(session, row, parent):
            notes.broken("parent", row.id, "it would stand above itself")
        else:
            row.parent_id = parent.id
            session.add(row)
            session.flush()


def _is_above(session: Session, row: Run, other: Run) -> bool:
    """Whether a run is another one, or stands somewhere above it."""
    climbing: Run | None = other
    for _ in range(HIGHEST):
        if climbing is None:
            return False
        if climbing.id == row.id:
            return True
        climbing = session.get(Run, climbing.parent_id) if climbing.parent_id else None
    return True
