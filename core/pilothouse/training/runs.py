"""How a training is recorded: one run for each fit, resumed after a kill.

A fit has a slot in its job ("0", or "0/3" for a search's fourth trial), stored as a tag of its run.
A run is written in one transaction when it ends; a killed fit leaves an empty open run, which the
job's next attempt continues.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.experiments import code_patch, lifecycle, recording, trusted_models
from pilothouse.experiments.metrics.summary import Points
from pilothouse.experiments.provenance import environment
from pilothouse.experiments.tables import (
    CANCELLED,
    FAILED,
    FINISHED,
    Run,
    RunMetric,
    RunTag,
)
from pilothouse.kit.errors import Cancelled
from pilothouse.models.answers import HELD_OUT_TAG
from pilothouse.storage import Store
from pilothouse.training.candidate import MODEL_PATH, Candidate
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.trainers import Value

SLOT = "training.slot"
BEST_RUN = "training.best_run"
SOURCE = "pilothouse.training"
FOLD_PREFIX = "fold_"


@dataclass(frozen=True)
class RunLocation:
    """Where a run belongs: its job, its slot there, its name, and the search it is a trial of."""

    job_id: str
    slot: str
    name: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class RunHandle:
    """A run, with its metrics when an earlier attempt of the job has finished it."""

    run: str
    metrics: Mapping[str, float] | None = None


def resume_or_start(store: Store, spec: TrainingSpec, location: RunLocation) -> RunHandle:
    """The run of a slot: the finished one, the one a killed attempt left open, or a new one."""
    running = code_patch.program(store, Path(__file__).parent)

    with store.write() as session:
        existing = _find(session, location)
        if existing is not None:
            return RunHandle(
                existing.id, _metrics(session, existing.id) if _ended(existing) else None
            )

        run = lifecycle.start(
            session,
            store,
            spec.experiment,
            location.name,
            trainer=spec.trainer,
            parent=location.parent,
            seed=spec.seed,
            source=SOURCE,
            code=running.identity,
            job_id=location.job_id,
        )

        code_patch.log_patch(session, run, running)
        recording.tag(session, run, {**spec.tags, SLOT: location.slot})
        if spec.note and location.parent is None:
            lifecycle.annotate(session, store, run, spec.note)

    return RunHandle(run)


def is_finished(store: Store, location: RunLocation) -> bool:
    """Whether an earlier attempt of the job has finished the run of a slot."""
    with store.read() as session:
        existing = _find(session, location)
        return existing is not None and _ended(existing)


def write_candidate(
    store: Store,
    run: str,
    spec: TrainingSpec,
    params: Mapping[str, Value],
    candidate: Candidate,
) -> None:
    """Write a candidate's metrics, params and files, and finish its run, in one transaction."""
    documents = dict(candidate.files) | {
        "environment.json": json.dumps(environment.capture().to_json()).encode()
    }
    digests = {path: store.artifacts.put_bytes(data) for path, data in documents.items()}

    with store.write() as session:
        recording.log_params(session, run, {**params, **_settings(spec, candidate.resolved_spec)})
        recording.log_points(session, store, run, _points(candidate))
        recording.log_input(session, run, candidate.dataset, "training")
        recording.tag(session, run, {HELD_OUT_TAG: candidate.held_out})
        for path, digest in digests.items():
            recording.log_artifact(session, run, path, digest, len(documents[path]))
        trusted_models.record_written(session, store, digests[MODEL_PATH], run)
        lifecycle.finish(session, store, run)


def write_search(
    store: Store, run: str, spec: TrainingSpec, dataset: str, values: list[float], best: str
) -> None:
    """Write the values of a search's trials, and finish its run, in one transaction."""
    with store.write() as session:
        recording.log_params(session, run, {"trials": spec.trials, **_settings(spec)})
        points = Points(f"search_{spec.metric}", range(len(values)), values)
        recording.log_points(session, store, run, [points])
        recording.log_input(session, run, dataset, "training")
        recording.tag(session, run, {BEST_RUN: best})
        lifecycle.finish(session, store, run)


@contextmanager
def finish_run_on_exit(store: Store, run: str) -> Iterator[None]:
    """Mark the run as cancelled or failed when the body raises; the error is raised again."""
    try:
        yield
    except Cancelled:
        _end(store, run, CANCELLED, "")
        raise
    except Exception as error:  # any error must end the run, or it would look as if it ran for ever
        _end(store, run, FAILED, str(error) or type(error).__name__)
        raise


def _end(store: Store, run: str, status: str, error: str) -> None:
    with store.write() as session:
        lifecycle.finish(session, store, run, status, error)


def _find(session: Session, location: RunLocation) -> Run | None:
    query = (
        select(Run)
        .join(RunTag, col(RunTag.run_id) == col(Run.id))
        .where(
            Run.job_id == location.job_id,
            RunTag.key == SLOT,
            RunTag.value == location.slot,
            col(Run.status).not_in((FAILED, CANCELLED)),
        )
    )
    return session.exec(query).first()


def _ended(run: Run) -> bool:
    return run.status == FINISHED


def _metrics(session: Session, run: str) -> dict[str, float]:
    query = select(RunMetric.key, RunMetric.last).where(RunMetric.run_id == run)
    values = {key: value for key, value in session.exec(query) if value is not None}
    return {key: value for key, value in values.items() if not key.startswith(FOLD_PREFIX)}


def _settings(spec: TrainingSpec, settled: TrainingSpec | None = None) -> dict[str, Any]:
    """The settings of the training as params, with automatic choices as they were resolved."""
    settled = settled or spec
    return {
        "target": spec.target,
        **({} if settled.positive is None else {"positive": settled.positive}),
        "split": settled.split,
        "evaluation": settled.evaluation,
        "test_share": spec.test_share,
        "folds": spec.folds,
        "cv_rows": spec.cv_rows,
        **_task_settings(settled),
        "features": ", ".join(spec.features) or "all usable",
    }


def _task_settings(spec: TrainingSpec) -> dict[str, Any]:
    """What the task adds to the params, where it is not the default."""
    optional = {
        "levels": ", ".join(f"{level:g}" for level in spec.levels),
        "class_weight": "" if spec.class_weight == "none" else spec.class_weight,
        "groups": spec.groups,
        "half_life_days": spec.half_life_days,
    }
    return {"task": spec.task} | {key: value for key, value in optional.items() if value}


def _points(candidate: Candidate) -> list[Points]:
    """Metrics as single points, and the folds' scores of the ranking metric as a history."""
    single = [Points(key, [0], [value]) for key, value in candidate.metrics.items()]
    folds = Points(
        f"{FOLD_PREFIX}{candidate.resolved_spec.metric}",
        range(1, len(candidate.folds) + 1),
        candidate.folds,
    )
    return [*single, folds] if candidate.folds else single
