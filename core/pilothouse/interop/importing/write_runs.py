"""Writing a run as it was: facts, tags and histories, through the functions of `experiments`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import (
    dataset_sources,
    logged_model_changes,
    recording,
    run_changes,
)
from pilothouse.experiments.dataset_sources import SourceDescription
from pilothouse.experiments.files.writes import StoredFile
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.run_changes import NewRun, TagColumns
from pilothouse.experiments.tables import ENDED, LoggedModel, Param, Run, RunTag
from pilothouse.interop.importing import records
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sanitise import truncated, valid_pairs
from pilothouse.interop.limits import MAX_DATASET_LENGTHS, MAX_PARAM_LENGTH
from pilothouse.kit import ids
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

MAX_TEXT_LENGTH = 500
BATCH_SIZE = 500  # keys in one statement: databases count what is bound to one


def begin(
    session: Session,
    store: Store,
    report: ReportBuilder,
    run: records.RunRecord,
    experiment_id: int,
    columns: TagColumns,
) -> None:
    """Make the run, or take up the one that is here, and write all of it but points and files."""
    row = session.get(Run, run.id)
    if row is None:
        row = run_changes.insert(session, _new_run(store, run, experiment_id))
    elif row.archived_at is not None:
        run_changes.reopen(session, row)  # it is deleted there too: `finish` archives it again

    _set_tags(session, report, row, run, columns)
    _log_params(session, report, run)
    for dataset in run.datasets:
        _use_dataset(session, report, row, dataset)
    for use in run.model_uses:
        _use_model(session, report, row, use)


def _new_run(store: Store, run: records.RunRecord, experiment_id: int) -> NewRun:
    began = run.started_at or run.ended_at or store.now()
    return NewRun(
        id=run.id,
        experiment_id=experiment_id,
        name=run.name[:MAX_TEXT_LENGTH] or ids.run_name(run.id),
        created_at=began,
        started_at=began,
        user=run.user[:MAX_TEXT_LENGTH],
        source=run.source[:MAX_TEXT_LENGTH],
        commit=run.commit[:MAX_TEXT_LENGTH] or None,
    )


def _set_tags(
    session: Session, report: ReportBuilder, row: Run, run: records.RunRecord, columns: TagColumns
) -> None:
    """Set tags that differ; what was not changed there may have been changed here since."""
    tags = valid_pairs(run.tags, report, "tag", run.id)
    query = select(col(RunTag.key), col(RunTag.value)).where(col(RunTag.run_id) == run.id)
    existing = {row.key: row.value for row in session.execute(query)}
    changed = {key: value for key, value in tags.items() if existing.get(key) != value}
    if changed:
        run_changes.set_tags(session, row, changed, columns)


def _log_params(session: Session, report: ReportBuilder, run: records.RunRecord) -> None:
    params = valid_pairs(run.params, report, "parameter", run.id, MAX_PARAM_LENGTH)
    query = select(col(Param.key), col(Param.value)).where(col(Param.run_id) == run.id)
    existing = {row.key: row.value for row in session.execute(query)}
    for key, value in params.items():
        if existing.get(key, value) != value:
            message = f"it is {existing[key]!r} here and {value!r} there; the value here stays"
            report.conflict("parameter", f"{run.id}/{key}", message)
    fresh = [(key, value) for key, value in params.items() if key not in existing]
    for start in range(0, len(fresh), BATCH_SIZE):
        recording.log_params(session, run.id, dict(fresh[start : start + BATCH_SIZE]))


def _use_dataset(
    session: Session, report: ReportBuilder, row: Run, dataset: records.DatasetRecord
) -> None:
    texts = {
        name: truncated(getattr(dataset, name), most, report, "dataset", f"{dataset.name} {name}")
        for name, most in MAX_DATASET_LENGTHS.items()
    }
    tags = valid_pairs(dataset.tags, report, "dataset", dataset.name)
    dataset_sources.log_use(session, row, SourceDescription(**texts), tags)


def _use_model(session: Session, report: ReportBuilder, row: Run, use: records.ModelUse) -> None:
    if session.get(LoggedModel, use.model_id) is None:
        message = f"its logged model {use.model_id} is not here"
        report.skipped("model of a run", row.id, message)
        return
    logged_model_changes.log_use(session, row.id, use.model_id, use.direction, use.step)


def log_points_and_files(
    session: Session,
    store: Store,
    run_id: str,
    stretches: Sequence[Points],
    files: Iterable[StoredFile],
) -> None:
    """Append points and record files."""
    for start in range(0, len(stretches), BATCH_SIZE):
        part = stretches[start : start + BATCH_SIZE]
        recording.log_points(session, store, run_id, part, check_late=False)
    for file in files:
        recording.log_artifact(session, run_id, file.path, file.digest, file.size)


def finish(session: Session, store: Store, run: records.RunRecord) -> None:
    """Give the run the end that it had; one that still runs there stays running here."""
    row = session.get_one(Run, run.id)
    ended_at = run.ended_at or row.ended_at or row.started_at or store.now()
    has_ended = (run.status or row.status) in ENDED
    archived_at = run.deleted_at or (ended_at if has_ended else row.ended_at) or store.now()
    run_changes.import_end(
        session,
        row,
        status=run.status,
        ended_at=ended_at,
        archived_at=archived_at if run.deleted else None,
    )


def batches(stretches: Iterable[Points], most: int) -> Iterator[tuple[list[Points], bool]]:
    """Series in batches of about `most` points, and whether the batch is the last one."""
    waiting: list[Points] = []
    count = 0
    for stretch in stretches:
        if count >= most:
            yield waiting, False
            waiting, count = [], 0
        waiting.append(stretch)
        count += len(stretch.steps)
    yield waiting, True


def has_unlinked_runs(session: Session, experiment_id: int, parent_key: str) -> bool:
    """Whether a run of the experiment names a parent in the tag of that key, and has none."""
    query = _without_parent(experiment_id, parent_key).limit(1)
    return session.execute(query).first() is not None


def _without_parent(experiment_id: int, parent_key: str) -> Any:
    return (
        select(Run, col(RunTag.value))
        .join(RunTag, (col(RunTag.run_id) == col(Run.id)) & (col(RunTag.key) == parent_key))
        .where(col(Run.experiment_id) == experiment_id, col(Run.parent_id).is_(None))
    )


def link_parents(
    session: Session, report: ReportBuilder, experiment_id: int, parent_key: str
) -> None:
    """Put runs below their parents, which may have been imported after them."""
    for row, parent_id in session.execute(_without_parent(experiment_id, parent_key)).all():
        parent = session.get(Run, parent_id)
        if parent is None:
            report.skipped("parent", row.id, f"the run above it, {parent_id}, is not here")
            continue
        try:
            run_changes.set_parent(session, row, parent)
        except Conflict:
            report.noted("parent", row.id, "it is of another experiment: kept as a tag")
        except Invalid:
            report.broken("parent", row.id, "it would be above itself")
