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
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from pilothouse.kit.errors import Invalid
from pilothouse.models.answers import REFERENCE_PATH, REFERENCE_ROWS, SIGNATURE_PATH, reference_file
from pilothouse.models.metrics.class_metrics import best_threshold
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import SCORE, ranking_metrics
from pilothouse.training.answers import Floats, Outputs, output_columns, predict_raw
from pilothouse.training.encoding import LabelledPipeline
from pilothouse.training.importance import importance
from pilothouse.training.progress import Step, evaluation_phase, fitting_phases
from pilothouse.training.spec import BALANCED, TrainingSpec
from pilothouse.training.splits import Split, thin
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData

if TYPE_CHECKING:
    import pandas as pd

MODEL_PATH = "model/model.joblib"
EXAMPLE_ROWS = 3
DEFAULT_THRESHOLD = 0.5
MS_PER_DAY = 86_400_000
FOLD_METRICS = 4  # of the task's metrics, the first so many are computed on each fold
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


@dataclass(frozen=True)
class FittedModel:
    """The fit on all rows but the held-out ones, and its raw answers for those.

    `fold_answers` are the answers of the folds' models for the rows that these held out.
    """

    data: TrainingData
    params: Mapping[str, Value]
    pipeline: Pipeline
    signature: Signature
    raw: Floats
    seconds: float
    fold_answers: list[Outputs]

    @property
    def truth(self) -> Floats:
        """The labels of the held-out rows as numbers."""
        return self.data.truth[self.data.split.test]

    def answer(self, rows: pd.DataFrame) -> Outputs:
        """The output columns for rows with its features."""
        return output_columns(self.signature, predict_raw(self.pipeline, self.signature, rows))


def fit_candidate(
    training_data: TrainingData, params: Mapping[str, Value], step: Step
) -> Candidate:
    """Fit and evaluate one set of parameters.

    `step` is called at the start of each phase and may raise Cancelled.
    """
    fit = fit_model(training_data, params, step)
    step(evaluation_phase(len(training_data.split.test)))
    return _evaluate(fit)


def fit_model(training_data: TrainingData, params: Mapping[str, Value], step: Step) -> FittedModel:
    """Fit one set of parameters, on the folds and on all rows but the held-out ones."""
    fold_answers = []
    sizes = [len(fold.train) for fold in training_data.folds]
    *fold_phases, final = fitting_phases(sizes, len(training_data.split.train))

    for fold, phase in zip(training_data.folds, fold_phases, strict=True):
        step(phase)
        _, raw = _fit(training_data, params, fold)
        fold_answers.append(output_columns(training_data.target.signature, raw))

    step(final)
    threshold = _threshold(training_data, fold_answers)
    started = time.perf_counter()
    pipeline, raw = _fit(training_data, params, training_data.split)
    seconds = time.perf_counter() - started
    signature = training_data.signature(pipeline[0], threshold)
    return FittedModel(training_data, params, pipeline, signature, raw, seconds, fold_answers)


def _evaluate(fit: FittedModel) -> Candidate:
    """The candidate's metrics, and the files of its run."""
    data, spec = fit.data, fit.data.spec
    columns = output_columns(fit.signature, fit.raw)
    metrics = data.task.compute_metrics(fit.signature, columns, fit.truth)
    key = _required_metric(spec, metrics)

    folds = _fold_metrics(data, fit.fold_answers)
    settled = _resolved_spec(data, fit.params)
    documents = _documents(fit, columns, folds) | {"spec.json": settled.to_json()}
    files = {path: _json(document) for path, document in documents.items()} | {
        MODEL_PATH: _dump(_labelled(fit.pipeline, fit.signature)),
        REFERENCE_PATH: held_out_file(fit, columns),
    }

    values = folds.get(key, [])
    measured = metrics | {"fit_seconds": fit.seconds} | _spread(key, values)
    return Candidate(data.dataset, settled, data.held_out, measured, values, files)


def _required_metric(spec: TrainingSpec, metrics: Mapping[str, float]) -> str:
    """The metric that decides. Raises Invalid when the held-out rows do not allow it."""
    key = spec.metric or ""
    if key not in metrics:
        raise Invalid(
            f"the metric {key} cannot be computed on the held-out rows.",
            hint=f"Rank by another one: {', '.join(metrics)}.",
            fields={"metric": "cannot be computed on the held-out rows"},
        )
    return key


def _labelled(pipeline: Pipeline, signature: Signature) -> Pipeline:
    """The pipeline with its class labels; that of a number as it is."""
    if not signature.classes:
        return pipeline
    return LabelledPipeline.of(pipeline, signature.classes)


def _fit(
    training_data: TrainingData, params: Mapping[str, Value], split: Split
) -> tuple[Pipeline, Floats]:
    """A pipeline fitted on one side of a split, and its raw answers for the other side."""
    spec, task = training_data.spec, training_data.task
    pipeline = trainers.get(spec.trainer).build(
        training_data.columns, params, spec.seed, task.estimator, spec.levels
    )
    y = training_data.y[split.train]
    with _log_convergence_warnings():
        weights = row_weights(training_data, split)
        name = f"{pipeline.steps[-1][0]}__sample_weight"
        arguments = {} if weights is None else {name: weights}
        pipeline.fit(training_data.frame.iloc[split.train], y, **arguments)
    rows = training_data.frame.iloc[split.test]
    return pipeline, predict_raw(pipeline, training_data.target.signature, rows)


def row_weights(training_data: TrainingData, split: Split) -> Floats | None:
    """How much each row fitted on counts; None when all count the same.

    "balanced" is the inverse of its class's share, a half-life 0.5 ** (age / half-life), where the
    newest row fitted on has the age 0. Raises Invalid for a half-life of rows without a time.
    """
    spec, weights = training_data.spec, None
    if spec.class_weight == BALANCED:
        from sklearn.utils.class_weight import compute_sample_weight

        weights = compute_sample_weight(BALANCED, training_data.y[split.train])
    if spec.half_life_days is None:
        return weights
    if training_data.at is None:
        raise Invalid(
            "rows cannot be weighed by their age: not every row has an event time.",
            fields={"half_life_days": "needs an event time"},
        )
    at = training_data.at[split.train]
    age = (at.max() - at) / MS_PER_DAY
    recency: Floats = 0.5 ** (age / spec.half_life_days)
    return recency if weights is None else weights * recency


@contextmanager
def _log_convergence_warnings() -> Iterator[None]:
    """Write convergence warnings of solvers to the job's log instead of to stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    for warning in caught:
        log.warning("%s", str(warning.message).splitlines()[0])


def _threshold(training_data: TrainingData, fold_answers: list[Outputs]) -> float:
    """The spec's, or the one with the best Youden index on rows that no fold was fitted on."""
    if training_data.spec.threshold is not None:
        return training_data.spec.threshold
    if not fold_answers or not training_data.task.has_threshold:
        return DEFAULT_THRESHOLD
    score = np.concatenate([columns[SCORE] for columns in fold_answers])
    truth = np.concatenate([training_data.truth[fold.test] for fold in training_data.folds])
    return min(max(best_threshold(truth == 1, score), 0.01), 0.99)


def _fold_metrics(
    training_data: TrainingData, fold_answers: list[Outputs]
) -> dict[str, list[float]]:
    """The first metrics of the task and the one that decides, where every fold has them."""
    signature, task = training_data.target.signature, training_data.task
    rows = [
        task.compute_metrics(signature, columns, training_data.truth[fold.test])
        for fold, columns in zip(training_data.folds, fold_answers, strict=True)
    ]
    first = [metric.key for metric in ranking_metrics(task)[:FOLD_METRICS]]
    keys = dict.fromkeys([*first, training_data.spec.metric or ""])
    return {key: [row[key] for row in rows] for key in keys if all(key in row for row in rows)}


def _spread(metric: str, values: list[float]) -> dict[str, float]:
    """Mean and deviation over the folds of the metric that decides; the rest is in folds.json."""
    if not values:
        return {}
    return {f"cv_{metric}_mean": float(np.mean(values)), f"cv_{metric}_std": float(np.std(values))}


def _documents(
    fit: FittedModel, columns: Outputs, folds: Mapping[str, list[float]]
) -> dict[str, Any]:
    data, test = fit.data, fit.data.split.test
    at = None if data.at is None else data.at[test].tolist()
    rows, seed = data.frame.iloc[test], data.spec.seed
    return {
        **data.task.documents(fit.signature, columns, fit.truth, at),
        "importance.json": importance(
            fit.pipeline, data.columns, rows, fit.truth, fit.signature, seed
        ),
        "folds.json": _fold_table(data.folds, folds),
        "rows.json": _rows(data),
        "columns.json": [use.to_json() for use in data.uses],
        SIGNATURE_PATH: fit.signature.to_json(),
        "model/input_example.json": _example(data),
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


def held_out_file(fit: FittedModel, columns: Outputs) -> bytes:
    """The held-out rows with labels and answers: the reference that later windows are compared to.

    A row's position is that in the dataset version.
    """
    data = fit.data
    sample = thin(len(fit.truth), REFERENCE_ROWS, data.spec.seed)
    positions = data.split.test[sample]
    answers = {name: values[sample] for name, values in columns.items()}
    return reference_file(
        fit.signature,
        data.frame.iloc[positions],
        answers,
        fit.truth[sample],
        data.origin[positions],
        None if data.groups is None else data.groups[positions],
        None if data.at is None else data.at[positions],
    )


def _resolved_spec(training_data: TrainingData, params: Mapping[str, Value]) -> TrainingSpec:
    """The spec that makes this very model again: all defaults and automatic choices filled in."""
    return replace(
        training_data.spec,
        dataset=training_data.dataset,
        features=training_data.columns.names,
        params=dict(params),
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
