"""Evaluation of a version on a dataset version, as a child process runs it.

What it measured becomes a run (metrics, evaluation documents, rows with answers) and evidence of
the version. It may be repeated after a kill: a run that was left open is continued.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from pilothouse.experiments import lifecycle, recording
from pilothouse.experiments.metrics.summary import Points
from pilothouse.jobs import Progress
from pilothouse.models.answers import (
    HELD_OUT_TAG,
    REFERENCE_PATH,
    REFERENCE_ROWS,
    REFERENCE_SEED,
    SIGNATURE_PATH,
    answer_arrays,
    reference_file,
)
from pilothouse.models.tasks import task_of
from pilothouse.registry import Registry, evaluations
from pilothouse.registry.evaluations import EvaluationInfo, EvaluationResult
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

if TYPE_CHECKING:
    from pilothouse.models.answers import Outputs
    from pilothouse.pipelines.labelled_rows import LabelledRows

SOURCE = "pilothouse.evaluation"
ROLE = "evaluation"
VERSION_TAG = "evaluation.version"
TRAINED_ON = "Measured on the data that the version was trained on: its metrics flatter it."


@dataclass(frozen=True)
class Measured:
    """What an evaluation measured: metrics and the files of its run."""

    metrics: Mapping[str, float]
    files: Mapping[str, bytes]


def evaluate_version(
    store: Store,
    progress: Progress,
    *,
    model: str,
    version: int,
    dataset: str,
    label: str,
    job_id: str,
) -> dict[str, Any]:
    """Score the labelled rows with the version and record what it is worth on them.

    The result names the run, and holds the metrics and the number of rows. Raises Invalid for a
    label column or inputs that do not fit, and what `scoring` raises.
    """
    from pilothouse.deployments.scoring import score_frame
    from pilothouse.pipelines.labelled_rows import read_labelled_rows

    with store.read() as session:
        existing = evaluations.of_job(session, job_id)
    if existing is not None:
        return _result(existing)

    info = Registry(store).version(model, version)
    progress(0.0, f"reading {dataset}")
    rows = read_labelled_rows(store, info.signature, dataset, label)
    run = _resume_or_start(store, info, rows, job_id)
    scored = score_frame(store, info, rows.frame, progress)
    measured = _measure(info, rows, scored.columns)
    recorded = _write(store, run, info, rows, measured)
    return _result(recorded) | {name: count for name, count in _left_out(rows).items() if count}


def _resume_or_start(store: Store, info: VersionInfo, rows: LabelledRows, job_id: str) -> str:
    """The run that a killed attempt of the job left open, or a new one."""
    with store.write() as session:
        if run := lifecycle.resume_candidate(session, job_id):
            return run
        name = f"{info.ref} on {rows.dataset}"
        experiment = f"{info.model}-evaluations"
        return lifecycle.start(session, store, experiment, name, source=SOURCE, job_id=job_id)


def _measure(info: VersionInfo, rows: LabelledRows, answers: Mapping[str, list[Any]]) -> Measured:
    from pilothouse.training.splits import thin

    signature, task = info.signature, task_of(info.signature)
    columns = answer_arrays(signature, answers)
    metrics, documents = {}, {}
    if rows.truth is not None:
        metrics = task.compute_metrics(signature, columns, rows.truth)
        documents = task.documents(signature, columns, rows.truth, rows.at)

    sample = thin(len(rows.frame), REFERENCE_ROWS, REFERENCE_SEED)
    reference = reference_file(
        signature,
        rows.frame.iloc[sample],
        _rows_of(columns, sample),
        None if rows.truth is None else rows.truth[sample],
        rows.positions[sample],
        at=_times(rows, sample),
    )
    documents = documents | {SIGNATURE_PATH: signature.to_json(), "rows.json": _counts(rows)}
    files = {path: _json(document) for path, document in documents.items()}
    return Measured(metrics, files | {REFERENCE_PATH: reference})


def _times(rows: LabelledRows, sample: Any) -> Any:
    import numpy as np

    return None if rows.at is None else np.asarray(rows.at, dtype=np.int64)[sample]


def _rows_of(columns: Outputs, sample: Any) -> Outputs:
    return {name: values[sample] for name, values in columns.items()}


def _counts(rows: LabelledRows) -> dict[str, Any]:
    return {
        "evaluated": len(rows.frame),
        **_left_out(rows),
        "held_out_digest": rows.digest,
    }


def _left_out(rows: LabelledRows) -> dict[str, int]:
    return {
        "without_label": rows.without_label,
        "unreadable_label": rows.unreadable,
        "without_needed_value": rows.unanswerable,
    }


def _write(
    store: Store, run: str, info: VersionInfo, rows: LabelledRows, measured: Measured
) -> EvaluationInfo:
    """Write the run's metrics and files, end it, and record the evaluation, all or nothing."""
    digests = {path: store.artifacts.put_bytes(data) for path, data in measured.files.items()}
    result = EvaluationResult(
        run_id=run,
        dataset=rows.dataset,
        label=rows.label,
        held_out=rows.digest,
        rows=len(rows.frame),
        metrics=measured.metrics,
        reference=digests[REFERENCE_PATH],
    )
    with store.write() as session:
        _write_run(session, store, run, info, rows, measured)
        for path, digest in digests.items():
            recording.log_artifact(session, run, path, digest, len(measured.files[path]))
        lifecycle.finish(session, store, run)
        return evaluations.record_evaluation(session, store, info.model, info.version, result)


def _write_run(
    session: Session,
    store: Store,
    run: str,
    info: VersionInfo,
    rows: LabelledRows,
    measured: Measured,
) -> None:
    settings: dict[str, Any] = {"model": info.model, "version": info.version, "label": rows.label}
    recording.log_params(session, run, {"task": info.signature.task, **settings})
    points = [Points(key, [0], [value]) for key, value in measured.metrics.items()]
    recording.log_points(session, store, run, points)
    recording.log_input(session, run, rows.dataset, ROLE)
    recording.tag(session, run, {HELD_OUT_TAG: rows.digest, VERSION_TAG: info.ref})
    if rows.dataset == info.dataset:
        lifecycle.annotate(session, store, run, TRAINED_ON)


def _result(info: EvaluationInfo) -> dict[str, Any]:
    return {
        "run": info.run_id,
        "model": info.model,
        "version": info.version,
        "dataset": info.dataset,
        "label": info.label,
        "rows": info.rows,
        "metrics": dict(info.metrics),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
