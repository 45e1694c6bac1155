"""One model: judged on the folds, fitted on all rows but the held-out ones, judged on those.

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

from pilothouse.training.encoding import LabelledPipeline
from pilothouse.training.evaluation import Evaluation, best_threshold, evaluate, figures
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
    """What one try came to: its rows, its figures, each fold's scores, the files of its run.

    `settled` is the spec that makes the same model again.
    """

    dataset: str
    settled: TrainingSpec
    held_out: str
    metrics: Mapping[str, float]
    folds: list[float]
    files: Mapping[str, bytes]


def fit_candidate(
    ground: TrainingData, spec: TrainingSpec, params: Mapping[str, Value], step: Step
) -> Candidate:
    """Fit and judge one set of parameters; `step` hears of each phase and may stop the work."""
    scored = []
    sizes = [len(fold.train) for fold in ground.folds]
    *fold_phases, final = fitting_phases(sizes, len(ground.split.train))
    for fold, phase in zip(ground.folds, fold_phases, strict=True):
        step(phase)
        scored.append(_fit(ground, spec, params, fold.train, fold.test)[1])
    step(final)
    threshold = _threshold(ground, spec, scored)
    started = time.perf_counter()
    pipeline, score = _fit(ground, spec, params, ground.split.train, ground.split.test)
    seconds = time.perf_counter() - started
    step(evaluation_phase(len(ground.split.test)))
    y = ground.y[ground.split.test]
    evaluation = evaluate(y, score, threshold, (str(ground.classes[0]), str(ground.classes[1])))
    folds = _fold_scores(ground, spec, scored)
    documents = _documents(ground, spec, pipeline, evaluation, folds, threshold)
    settled = _settled(ground, spec, params)
    documents["spec.json"] = settled.to_json()
    files = {path: _json(document) for path, document in documents.items()} | {
        MODEL_PATH: _dump(LabelledPipeline.of(pipeline, ground.classes)),
        "reference.parquet": _reference(ground, score, spec.seed),
    }
    metrics = (
        evaluation.metrics | {"fit_seconds": seconds} | _spread(spec.metric, folds[spec.metric])
    )
    return Candidate(ground.dataset, settled, ground.held_out, metrics, folds[spec.metric], files)


def _fit(
    ground: TrainingData,
    spec: TrainingSpec,
    params: Mapping[str, Value],
    train: npt.NDArray[np.intp],
    test: npt.NDArray[np.intp],
) -> tuple[Pipeline, Scores]:
    pipeline = trainers.get(spec.trainer).build(ground.columns, params, spec.seed)
    with _told_of_convergence():
        pipeline.fit(ground.frame.iloc[train], ground.y[train])
    return pipeline, pipeline.predict_proba(ground.frame.iloc[test])[:, 1]


@contextmanager
def _told_of_convergence() -> Iterator[None]:
    """A solver that stopped early belongs in the job's log, not on some terminal."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        yield
    for warning in caught:
        log.warning("%s", str(warning.message).splitlines()[0])


def _threshold(ground: TrainingData, spec: TrainingSpec, scored: list[Scores]) -> float:
    """The spec's, or the one with the best Youden index on rows that no fold was fitted on."""
    if spec.threshold is not None:
        return spec.threshold
    if not scored:
        return DEFAULT_THRESHOLD
    y = np.concatenate([ground.y[fold.test] for fold in ground.folds])
    return min(max(best_threshold(y, np.concatenate(scored)), 0.01), 0.99)


def _fold_scores(
    ground: TrainingData, spec: TrainingSpec, scored: list[Scores]
) -> dict[str, list[float]]:
    names = dict.fromkeys((*FOLD_METRICS, spec.metric))
    threshold = spec.threshold or DEFAULT_THRESHOLD
    rows = [
        figures(ground.y[fold.test], score, threshold)
        for fold, score in zip(ground.folds, scored, strict=True)
    ]
    return {name: [row[name] for row in rows] for name in names}


def _spread(metric: str, values: list[float]) -> dict[str, float]:
    """Mean and deviation over the folds of the metric that decides; the rest is in folds.json."""
    if not values:
        return {}
    return {f"cv_{metric}_mean": float(np.mean(values)), f"cv_{metric}_std": float(np.std(values))}


def _documents(
    ground: TrainingData,
    spec: TrainingSpec,
    pipeline: Pipeline,
    evaluation: Evaluation,
    folds: Mapping[str, list[float]],
    threshold: float,
) -> dict[str, Any]:
    held_out = ground.frame.iloc[ground.split.test]
    y = ground.y[ground.split.test]
    return {
        **evaluation.documents(),
        "importance.json": importance(pipeline, ground.columns, held_out, y, spec.seed),
        "folds.json": _fold_table(ground.folds, folds),
        "rows.json": _rows(ground),
        "columns.json": [use.to_json() for use in ground.uses],
        "model/signature.json": ground.signature(pipeline[0], threshold).to_json(),
        "model/input_example.json": _example(ground),
    }


def _fold_table(splits: tuple[Split, ...], folds: Mapping[str, list[float]]) -> dict[str, Any]:
    return {
        "fold": list(range(1, len(splits) + 1)),
        "rows_fitted": [len(split.train) for split in splits],
        "rows_judged": [len(split.test) for split in splits],
        **folds,
    }


def _example(ground: TrainingData) -> list[dict[str, Any]]:
    rows = ground.frame.iloc[ground.split.test[:EXAMPLE_ROWS]]
    records: list[dict[str, Any]] = json.loads(rows.to_json(orient="records"))
    return records


def _dump(pipeline: Pipeline) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer, compress=("zlib", 3))
    return buffer.getvalue()


def _reference(ground: TrainingData, score: Scores, seed: int) -> bytes:
    """The held-out rows with what was true and what was said: the reference of later windows.

    `__row` is a row's place in the dataset version, by which a comparison finds it in other runs.
    """
    sample = thin(len(score), REFERENCE_ROWS, seed)
    places = ground.split.test[sample]
    rows = ground.frame.iloc[places]
    rows = rows.assign(
        __target=ground.y[places],
        __score=score[sample],
        __row=ground.origin[places].astype("int64"),
    )
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _settled(ground: TrainingData, spec: TrainingSpec, params: Mapping[str, Value]) -> TrainingSpec:
    """The spec that makes this very model again: all that was left open is settled."""
    return replace(
        spec,
        dataset=ground.dataset,
        features=ground.columns.names,
        params=dict(params),
        positive=ground.classes[1],
        split=ground.kind,
        trials=0,
    )


def _rows(ground: TrainingData) -> dict[str, Any]:
    return {
        "fitted": len(ground.split.train),
        "held_out": len(ground.split.test),
        "without_label": ground.rows - len(ground.origin),
        "held_out_digest": ground.held_out,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
