"""One model: cross-validated, fitted on all rows but the held-out ones, evaluated on those.

It runs in child processes only.
"""

from __future__ import annotations

import io
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from pilothouse.models.metrics.class_metrics import best_threshold
from pilothouse.training.encoding import LabelledPipeline
from pilothouse.training.evaluation import Evaluation, compute_metrics, evaluate
from pilothouse.training.importance import importance
from pilothouse.training.progress import Step, evaluation_phase, fitting_phases
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.splits import Split, thin
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData

MODEL_PATH = "model/model.joblib"
REFERENCE_ROWS = 50_000
EXAMPLE_ROWS = 3
DEFAULT_THRESHOLD = 0.5
FOLD_METRICS = ("roc_auc", "average_precision", "log_loss", "brier")
Scores = npt.NDArray[np.float64]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """The result of one fit: its dataset, metrics, the scores of each fold, the files of its run.

    `resolved_spec` is the spec that makes the same model again.
    """

    dataset: str
    resolved_spec: TrainingSpec
    held_out: str
    metrics: Mapping[str, float]
    folds: list[float]
    files: Mapping[str, bytes]


def fit_candidate(
    training_data: TrainingData, spec: TrainingSpec, params: Mapping[str, Value], step: Step
) -> Candidate:
    """Fit and evaluate one set of parameters.

    `step` is called at the start of each phase and may raise Cancelled.
    """
    scored = []
    sizes = [len(fold.train) for fold in training_data.folds]
    *fold_phases, final = fitting_phases(sizes, len(training_data.split.train))

    for fold, phase in zip(training_data.folds, fold_phases, strict=True):
        step(phase)
        scored.append(_fit(training_data, spec, params, fold.train, fold.test)[1])

    step(final)
    threshold = _threshold(training_data, spec, scored)

    started = time.perf_counter()
    pipeline, score = _fit(
        training_data, spec, params, training_data.split.train, training_data.split.test
    )
    seconds = time.perf_counter() - started

    step(evaluation_phase(len(training_data.split.test)))
    y = training_data.y[training_data.split.test]
    evaluation = evaluate(
        y, score, threshold, (str(training_data.classes[0]), str(training_data.classes[1]))
    )

    folds = _fold_scores(training_data, spec, scored)
    documents = _documents(training_data, spec, pipeline, evaluation, folds, threshold)
    settled = _resolved_spec(training_data, spec, params)
    documents["spec.json"] = settled.to_json()

    files = {path: _json(document) for path, document in documents.items()} | {
        MODEL_PATH: _dump(LabelledPipeline.of(pipeline, training_data.classes)),
        "reference.parquet": _reference(training_data, score, spec.seed),
    }

    metrics = (
        evaluation.metrics | {"fit_seconds": seconds} | _spread(spec.metric, folds[spec.metric])
    )
    return Candidate(
        training_data.dataset, settled, training_data.held_out, metrics, folds[spec.metric], files
    )


def _fit(
    training_data: TrainingData,
    spec: TrainingSpec,
    params: Mapping[str, Value],
    train: npt.NDArray[np.intp],
    test: npt.NDArray[np.intp],
) -> tuple[Pipeline, Scores]:
    pipeline = trainers.get(spec.trainer).build(training_data.columns, params, spec.seed)
    with _log_convergence_warnings():
        pipeline.fit(training_data.frame.iloc[train], training_data.y[train])
    return pipeline, pipeline.predict_proba(training_data.frame.iloc[test])[:, 1]


@contextmanager
def _log_convergence_warnings() -> Iterator[None]:
    """Write convergence warnings of solvers to the job's log instead of to stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    for warning in caught:
        log.warning("%s", str(warning.message).splitlines()[0])


def _threshold(training_data: TrainingData, spec: TrainingSpec, scored: list[Scores]) -> float:
    """The spec's, or the one with the best Youden index on rows that no fold was fitted on."""
    if spec.threshold is not None:
        return spec.threshold
    if not scored:
        return DEFAULT_THRESHOLD
    y = np.concatenate([training_data.y[fold.test] for fold in training_data.folds])
    return min(max(best_threshold(y == 1, np.concatenate(scored)), 0.01), 0.99)


def _fold_scores(
    training_data: TrainingData, spec: TrainingSpec, scored: list[Scores]
) -> dict[str, list[float]]:
    names = dict.fromkeys((*FOLD_METRICS, spec.metric))
    threshold = spec.threshold or DEFAULT_THRESHOLD
    rows = [
        compute_metrics(training_data.y[fold.test], score, threshold)
        for fold, score in zip(training_data.folds, scored, strict=True)
    ]
    return {name: [row[name] for row in rows] for name in names}


def _spread(metric: str, values: list[float]) -> dict[str, float]:
    """Mean and deviation over the folds of the metric that decides; the rest is in folds.json."""
    if not values:
        return {}
    return {f"cv_{metric}_mean": float(np.mean(values)), f"cv_{metric}_std": float(np.std(values))}


def _documents(
    training_data: TrainingData,
    spec: TrainingSpec,
    pipeline: Pipeline,
    evaluation: Evaluation,
    folds: Mapping[str, list[float]],
    threshold: float,
) -> dict[str, Any]:
    held_out = training_data.frame.iloc[training_data.split.test]
    y = training_data.y[training_data.split.test]
    return {
        **evaluation.documents(),
        "importance.json": importance(pipeline, training_data.columns, held_out, y, spec.seed),
        "folds.json": _fold_table(training_data.folds, folds),
        "rows.json": _rows(training_data),
        "columns.json": [use.to_json() for use in training_data.uses],
        "model/signature.json": training_data.signature(pipeline[0], threshold).to_json(),
        "model/input_example.json": _example(training_data),
    }


def _fold_table(splits: tuple[Split, ...], folds: Mapping[str, list[float]]) -> dict[str, Any]:
    return {
        "fold": list(range(1, len(splits) + 1)),
        "rows_fitted": [len(split.train) for split in splits],
        "rows_judged": [len(split.test) for split in splits],
        **folds,
    }


def _example(training_data: TrainingData) -> list[dict[str, Any]]:
    rows = training_data.frame.iloc[training_data.split.test[:EXAMPLE_ROWS]]
    records: list[dict[str, Any]] = json.loads(rows.to_json(orient="records"))
    return records


def _dump(pipeline: Pipeline) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=("zlib", 3))
    return buffer.getvalue()


def _reference(training_data: TrainingData, score: Scores, seed: int) -> bytes:
    """The held-out rows with labels and scores: the reference that later windows are compared with.

    `__row` is a row's place in the dataset version, by which a comparison finds it in other runs.
    """
    sample = thin(len(score), REFERENCE_ROWS, seed)
    places = training_data.split.test[sample]
    rows = training_data.frame.iloc[places]
    rows = rows.assign(
        __target=training_data.y[places],
        __score=score[sample],
        __row=training_data.origin[places].astype("int64"),
    )
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _resolved_spec(
    training_data: TrainingData, spec: TrainingSpec, params: Mapping[str, Value]
) -> TrainingSpec:
    """The spec that makes this very model again: all defaults and automatic choices filled in."""
    return replace(
        spec,
        dataset=training_data.dataset,
        features=training_data.columns.names,
        params=dict(params),
        positive=training_data.classes[1],
        split=training_data.kind,
        trials=0,
    )


def _rows(training_data: TrainingData) -> dict[str, Any]:
    return {
        "fitted": len(training_data.split.train),
        "held_out": len(training_data.split.test),
        "without_label": training_data.rows - len(training_data.origin),
        "held_out_digest": training_data.held_out,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
