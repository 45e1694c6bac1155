"""One model: fitted, and evaluated on rows that it, or the models of its folds, have not seen.

It runs in child processes only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
from sklearn.pipeline import Pipeline

from pilothouse.models.answers import REFERENCE_PATH, REFERENCE_ROWS, SIGNATURE_PATH, reference_file
from pilothouse.models.signature import Signature
from pilothouse.training.answers import Outputs, output_columns
from pilothouse.training.encoding import LabelledPipeline
from pilothouse.training.evaluation import MEASURED_PATH, HowMeasured, interval_of
from pilothouse.training.fits import Fit, Fits
from pilothouse.training.fitted_model import FittedModel, fit_model, fold_metrics, required_metric
from pilothouse.training.importance import AnsweredRows, importance
from pilothouse.training.progress import Step, evaluation_phase
from pilothouse.training.spec import TrainingSpec
from pilothouse.training.splits import Split, thin
from pilothouse.training.trainers import Value
from pilothouse.training.training_data import TrainingData

MODEL_PATH = "model/model.joblib"
EXAMPLE_ROWS = 3


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
    training_data: TrainingData,
    params: Mapping[str, Value],
    step: Step,
    *,
    trials: int = 0,
    fits: Fits | None = None,
    made: Iterator[Fit] | None = None,
) -> Candidate:
    """Fit and evaluate one set of parameters.

    `step` is called at the start of each phase and may raise Cancelled. `trials`, `fits` and `made`
    are as in `fit_model`.
    """
    fit = fit_model(training_data, params, step, trials=trials, fits=fits, made=made)
    rows = len(training_data.split.test)
    step(evaluation_phase(rows, by_folds=training_data.by_folds))
    return _evaluate(fit)


def _evaluate(fit: FittedModel) -> Candidate:
    """The candidate's metrics, and the files of its run."""
    data = fit.data
    columns = output_columns(fit.signature, fit.raw)
    metrics = data.task.compute_metrics(fit.signature, columns, fit.truth)
    key = required_metric(data.spec.metric or "", metrics)

    folds = fold_metrics(data, fit.fold_answers)
    settled = _resolved_spec(data, fit.params)
    documents = _documents(fit, columns, metrics, folds) | {"spec.json": settled.to_json()}
    files = {path: _json(document) for path, document in documents.items()} | {
        MODEL_PATH: _dump(_labelled(fit.pipeline, fit.signature)),
        REFERENCE_PATH: held_out_file(fit, columns),
    }

    values = folds.get(key, [])
    measured = metrics | {"fit_seconds": fit.seconds} | _spread(key, values)
    return Candidate(data.dataset, settled, data.held_out, measured, values, files)


def _labelled(pipeline: Pipeline, signature: Signature) -> Pipeline:
    """The pipeline with its class labels; that of a number as it is."""
    if not signature.classes:
        return pipeline
    return LabelledPipeline.of(pipeline, signature.classes)


def _spread(metric: str, values: list[float]) -> dict[str, float]:
    """Mean and deviation over the folds of the metric that decides; the rest is in folds.json."""
    if not values:
        return {}
    return {f"cv_{metric}_mean": float(np.mean(values)), f"cv_{metric}_std": float(np.std(values))}


def _documents(
    fit: FittedModel,
    columns: Outputs,
    metrics: Mapping[str, float],
    folds: Mapping[str, list[float]],
) -> dict[str, Any]:
    data, test = fit.data, fit.data.split.test
    at = None if data.at is None else data.at[test].tolist()
    return {
        **data.task.documents(fit.signature, columns, fit.truth, at),
        "importance.json": importance(
            [
                AnsweredRows(pipeline, data.frame.iloc[rows], data.truth[rows])
                for pipeline, rows in fit.answered_by
            ],
            data.columns,
            fit.signature,
            data.spec.seed,
        ),
        "folds.json": _fold_table(data.folds, folds),
        "rows.json": _rows(data),
        MEASURED_PATH: _how_measured(fit, columns, metrics).to_json(),
        "columns.json": [use.to_json() for use in data.uses],
        SIGNATURE_PATH: fit.signature.to_json(),
        "model/input_example.json": _example(data),
    }


def _how_measured(fit: FittedModel, columns: Outputs, metrics: Mapping[str, float]) -> HowMeasured:
    """How the metrics were measured, and how certain the one is that decides."""
    data = fit.data
    groups = None if data.groups is None else data.groups[data.split.test]
    interval = interval_of(
        data.spec.metric or "", metrics, fit.signature, columns, fit.truth, groups, data.spec.seed
    )
    labels, counts = fit.signature.classes, None
    if data.target.codes is not None:
        counts = np.bincount(data.target.codes[data.split.test], minlength=len(labels))
    return HowMeasured(
        folds=len(data.folds) if data.by_folds else 0,
        rows=len(fit.truth),
        rarest=None if counts is None else int(counts.min()),
        rarest_class=None if counts is None else str(labels[int(counts.argmin())]),
        interval=interval,
        searched=fit.searched,
    )


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
        evaluation=training_data.evaluation,
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
