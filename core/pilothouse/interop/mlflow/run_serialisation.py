"""Runs as the protocol writes them: many at once, with a fixed number of queries."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, select, type_coerce
from sqlmodel import Session, col

from pilothouse.experiments import tables
from pilothouse.experiments.tables import (
    CANCELLED,
    FAILED,
    FINISHED,
    QUEUED,
    RUNNING,
    Experiment,
    Param,
    Run,
    RunMetric,
    RunModel,
    RunTag,
    Source,
    SourceUse,
)
from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.interop.mlflow.experiments import artifact_root, join_location
from pilothouse.kit.clock import to_ms

CHUNK = 500
INPUT, OUTPUT = "input", "output"
STATUS = {
    RUNNING: "RUNNING",
    QUEUED: "SCHEDULED",
    FINISHED: "FINISHED",
    FAILED: "FAILED",
    CANCELLED: "KILLED",
}
ENDED = tuple(STATUS[status] for status in tables.ENDED)
STATUS_BY_NAME = {name: status for status, name in STATUS.items()}
STATUS_BY_NUMBER = {"1": RUNNING, "2": QUEUED, "3": FINISHED, "4": FAILED, "5": CANCELLED}
RUN_NAME, PARENT = "mlflow.runName", "mlflow.parentRunId"
SOURCE_NAME, COMMIT, NOTE = "mlflow.source.name", "mlflow.source.git.commit", "mlflow.note.content"
CONTEXT = "mlflow.data.context"
Json = dict[str, Any]


def find(session: Session, run_id: str) -> Run:
    """The run of an id. Raises the protocol's error."""
    run = session.get(Run, run_id)
    if run is None:
        raise no_run(run_id)
    return run


def find_active(session: Session, run_id: str) -> Run:
    """The run, when it is not deleted."""
    run = find(session, run_id)
    if run.archived_at is not None:
        raise not_active(run_id)
    return run


def no_run(run_id: str) -> Exception:
    """The error for an id that names no run."""
    return absent(f"Run with id={run_id} not found")


def not_active(run_id: str) -> Exception:
    """The error for writing to a deleted run."""
    return invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")


def serialise(session: Session, runs: Sequence[Run]) -> list[Json]:
    """Runs in full, in the order given."""
    serialised: list[Json] = []
    roots = _roots(session, {run.experiment_id for run in runs})
    for start in range(0, len(runs), CHUNK):
        part = runs[start : start + CHUNK]
        serialised += _serialise(session, part, roots)
    return serialised


def root_of(session: Session, run: Run) -> str:
    """The artifact location that clients get for the run."""
    return run_root(_roots(session, {run.experiment_id})[run.experiment_id], run.id)


def run_root(experiment_root: str, run_id: str) -> str:
    """The artifact location of a run below its experiment's."""
    return join_location(experiment_root, run_id, "artifacts")


def _roots(session: Session, numbers: set[int]) -> dict[int, str]:
    query = select(Experiment).where(col(Experiment.id).in_(numbers))
    return {experiment.id or 0: artifact_root(experiment) for experiment in session.scalars(query)}


def _serialise(session: Session, runs: Sequence[Run], roots: dict[int, str]) -> list[Json]:
    ids = [run.id for run in runs]
    params, tags = _key_values(session, Param, ids), _key_values(session, RunTag, ids)
    metrics, inputs = _metrics(session, ids), _inputs(session, ids)
    models = _models(session, ids)
    return [
        {
            "info": info(run, roots[run.experiment_id]),
            "data": _without_empty(metrics=metrics[run.id], params=params[run.id])
            | {"tags": with_column_tags(run, tags[run.id])},
            "inputs": _without_empty(
                dataset_inputs=inputs[run.id], model_inputs=models[run.id, INPUT]
            ),
            "outputs": _without_empty(model_outputs=models[run.id, OUTPUT]),
        }
        for run in runs
    ]


def _without_empty(**lists: list[Json]) -> Json:
    return {name: rows for name, rows in lists.items() if rows}


def info(run: Run, experiment_root: str) -> Json:
    """A run's own facts."""
    fields: Json = {
        "run_uuid": run.id,
        "experiment_id": str(run.experiment_id),
        "run_name": run.name,
        "user_id": run.user,
        "status": STATUS[run.status],
        "start_time": to_ms(run.started_at or run.created_at),
        "artifact_uri": run_root(experiment_root, run.id),
        "lifecycle_stage": "active" if run.archived_at is None else "deleted",
        "run_id": run.id,
    }
    if run.ended_at is not None:
        fields["end_time"] = to_ms(run.ended_at)
    return fields


def with_column_tags(run: Run, tags: list[Json]) -> list[Json]:
    """A run's tags, with those that the protocol expects and the run has as columns."""
    tagged = {tag["key"] for tag in tags}
    columns = {RUN_NAME: run.name, PARENT: run.parent_id, SOURCE_NAME: run.source}
    columns |= {COMMIT: run.commit, NOTE: run.note}
    added = [
        {"key": key, "value": word} for key, word in columns.items() if word and key not in tagged
    ]
    # A screen may have changed these two since a client set the tag.
    newer = {RUN_NAME: run.name, NOTE: run.note}
    updated = [tag | {"value": newer.get(tag["key"]) or tag["value"]} for tag in tags]
    return [*updated, *added]


def _key_values(session: Session, table: Any, ids: Sequence[str]) -> dict[str, list[Json]]:
    columns = col(table.run_id), col(table.key), col(table.value)
    query = select(*columns).where(columns[0].in_(ids)).order_by(*columns[:2])
    pairs: dict[str, list[Json]] = defaultdict(list)
    for run_id, key, value in session.connection().execute(query):
        pairs[run_id].append({"key": key, "value": value})
    return pairs


def _metrics(session: Session, ids: Sequence[str]) -> dict[str, list[Json]]:
    columns = (
        *(col(RunMetric.run_id), col(RunMetric.key), col(RunMetric.last)),
        *(type_coerce(col(RunMetric.last_at), BigInteger), col(RunMetric.last_step)),
    )
    query = select(*columns).where(columns[0].in_(ids)).order_by(*columns[:2])
    points: dict[str, list[Json]] = defaultdict(list)
    for run_id, key, value, at, step in session.connection().execute(query):
        points[run_id].append(point(key, value, at, step))
    return points


def point(key: str, value: float | None, at_us: int, step: int) -> Json:
    """A metric's point; None stands for NaN."""
    return {"key": key, "value": json_number(value), "timestamp": at_us // 1000, "step": step}


def json_number(value: float | None) -> float | str:
    """A number, or the text for one that JSON cannot express."""
    if value is None or math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _inputs(session: Session, ids: Sequence[str]) -> dict[str, list[Json]]:
    query = (
        select(SourceUse, Source)
        .join(Source, col(Source.id) == col(SourceUse.source_id))
        .where(col(SourceUse.run_id).in_(ids))
        .order_by(col(SourceUse.source_id))
    )
    inputs: dict[str, list[Json]] = defaultdict(list)
    for use, source in session.execute(query):
        tags = [{"key": key, "value": value} for key, value in use.tags.items()]
        inputs[use.run_id].append(_without_empty(tags=tags) | {"dataset": dataset(source)})
    return inputs


def dataset(source: Source) -> Json:
    """A logged dataset as the protocol writes it."""
    fields = {
        "name": source.name,
        "digest": source.digest,
        "source_type": source.source_type,
        "source": source.source,
    }
    more = {"schema": source.columns, "profile": source.profile}
    return fields | {name: text for name, text in more.items() if text}


def _models(session: Session, ids: Sequence[str]) -> dict[tuple[str, str], list[Json]]:
    query = select(RunModel).where(col(RunModel.run_id).in_(ids)).order_by(col(RunModel.model_id))
    models: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for use in session.scalars(query):
        step = {"step": use.step} if use.direction == OUTPUT else {}
        models[use.run_id, use.direction].append({"model_id": use.model_id} | step)
    return models


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in parts that fit into one statement."""
    for start in range(0, len(ids), CHUNK):
        yield ids[start : start + CHUNK]
