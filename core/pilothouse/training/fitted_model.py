"""A model fitted on a training's rows, with its answers for rows that it has not seen.

It runs in child processes only.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.kit.errors import Invalid
from pilothouse.models.metrics.class_metrics import best_threshold
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import SCORE, ranking_metrics
from pilothouse.training.answers import Floats, Outputs, output_columns, predict_raw
from pilothouse.training.progress import Phase, Step, fitting_phases, out_of_fold_phases
from pilothouse.training.search import Search
from pilothouse.training.spec import BALANCED
from pilothouse.training.splits import Rows, Split
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_THRESHOLD = 0.5
MS_PER_DAY = 86_400_000
FOLD_METRICS = 4  # of the task's metrics, the first so many are computed on each fold
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FittedModel:
    """A fitted pipeline, and raw answers for the rows that it is evaluated on, in their order.

    These are its own answers for the held-out rows, or by folds those of the folds' models.
    `fold_answers` are the answers of the folds' models, and `answered_by` the models with the rows
    that each is evaluated on. `searched` says that a search was repeated within each fold.
    """

    data: TrainingData
    params: Mapping[str, Value]
    pipeline: Pipeline
    signature: Signature
    raw: Floats
    seconds: float
    fold_answers: list[Outputs]
    answered_by: list[tuple[Pipeline, Rows]]
    searched: bool = False

    @property
    def truth(self) -> Floats:
        """The labels of the evaluated rows as numbers."""
        return self.data.truth[self.data.split.test]

    def answer(self, rows: pd.DataFrame) -> Outputs:
        """The output columns for rows with its features."""
        return output_columns(self.signature, predict_raw(self.pipeline, self.signature, rows))


def fit_model(
    training_data: TrainingData,
    params: Mapping[str, Value],
    step: Step,
    *,
    trials: int = 0,
) -> FittedModel:
    """Fit one set of parameters, on the folds and on all rows that are to be fitted on.

    When a search of so many `trials` chose them, it is repeated for each fold that answers rows, on
    the rows that this one fits on: those that it answers then had no part in the choice.
    """
    if training_data.by_folds:
        return _fit_by_folds(training_data, params, step, trials)
    sizes = [len(fold.train) for fold in training_data.folds]
    phases = fitting_phases(sizes, len(training_data.split.train))
    return _fit_held_out(training_data, params, iter(phases), step)


def _fit_held_out(
    training_data: TrainingData, params: Mapping[str, Value], phases: Iterator[Phase], step: Step
) -> FittedModel:
    fold_answers = []
    for fold in training_data.folds:
        step(next(phases))
        _, raw = _fit(training_data, params, fold)
        fold_answers.append(output_columns(training_data.target.signature, raw))

    step(next(phases))
    threshold = _threshold(training_data, fold_answers)
    started = time.perf_counter()
    pipeline, raw = _fit(training_data, params, training_data.split)
    seconds = time.perf_counter() - started
    signature = training_data.signature(pipeline[0], threshold)
    answered_by = [(pipeline, training_data.split.test)]
    return FittedModel(
        training_data, params, pipeline, signature, raw, seconds, fold_answers, answered_by
    )


def _fit_by_folds(
    training_data: TrainingData, params: Mapping[str, Value], step: Step, trials: int
) -> FittedModel:
    """The whole training once for each fold, on the rows that it fits on, and once on all rows.

    The threshold is the mean of the folds', each found without the rows that its fold answers.
    """
    parts = [_fold_data(training_data, fold, trials) for fold in training_data.folds]
    sizes = [_sizes(part, trials) for part in parts]
    phases = iter(out_of_fold_phases(sizes, len(training_data.split.train)))
    fits = []
    for part in parts:
        chosen = _search(part, trials, phases, step) if trials else params
        fits.append(_fit_held_out(part, chosen, phases, step))

    step(next(phases))
    started = time.perf_counter()
    pipeline = _fit_pipeline(training_data, params, training_data.split.train)
    seconds = time.perf_counter() - started
    threshold = float(np.mean([fit.signature.threshold for fit in fits]))
    order = np.argsort(np.concatenate([part.split.test for part in parts]), kind="stable")
    return FittedModel(
        data=training_data,
        params=params,
        pipeline=pipeline,
        signature=training_data.signature(pipeline[0], threshold),
        raw=np.concatenate([fit.raw for fit in fits])[order],
        seconds=seconds,
        fold_answers=[output_columns(training_data.target.signature, fit.raw) for fit in fits],
        answered_by=[answered for fit in fits for answered in fit.answered_by],
        searched=trials > 0,
    )


def _fold_data(training_data: TrainingData, fold: Split, trials: int) -> TrainingData:
    """The training of a fold, without folds of its own where these would decide nothing."""
    part = training_data.within(fold)
    finds_threshold = training_data.task.has_threshold and training_data.spec.threshold is None
    return part if trials or finds_threshold else replace(part, folds=())


def _sizes(part: TrainingData, trials: int) -> list[int]:
    """The rows that each step of a fold's training fits on: trials, folds, the fold itself."""
    inner = [len(fold.train) for fold in part.folds]
    return [*[sum(inner)] * trials, *inner, len(part.split.train)]


def _search(
    part: TrainingData, trials: int, phases: Iterator[Phase], step: Step
) -> Mapping[str, Value]:
    """The parameters that the training's search finds on the folds of some of the rows."""
    spec, metric = part.spec, part.spec.metric or ""
    trainer = trainers.get(spec.trainer)
    search = Search(trainer, spec.params, metric_kind(metric).direction, spec.seed)
    suggested = []
    for _ in range(trials):
        step(next(phases))
        suggested.append(search.suggest())
        answers = [
            output_columns(part.target.signature, _fit(part, suggested[-1], fold)[1])
            for fold in part.folds
        ]
        scores = fold_metrics(part, answers)
        search.report(float(np.mean(scores[required_metric(metric, scores)])))
    return suggested[search.best]


def required_metric(metric: str, values: Mapping[str, Any]) -> str:
    """The metric that decides. Raises Invalid when the rows do not allow it."""
    if metric not in values:
        raise Invalid(
            f"the metric {metric} cannot be computed on the rows that are evaluated.",
            hint=f"Rank by another one: {', '.join(values)}.",
            fields={"metric": "cannot be computed on these rows"},
        )
    return metric


def _fit(
    training_data: TrainingData, params: Mapping[str, Value], split: Split
) -> tuple[Pipeline, Floats]:
    """A pipeline fitted on one side of a split, and its raw answers for the other side."""
    pipeline = _fit_pipeline(training_data, params, split.train)
    rows = training_data.frame.iloc[split.test]
    return pipeline, predict_raw(pipeline, training_data.target.signature, rows)


def _fit_pipeline(training_data: TrainingData, params: Mapping[str, Value], rows: Rows) -> Pipeline:
    """A pipeline fitted on some of the rows."""
    spec, task = training_data.spec, training_data.task
    pipeline = trainers.get(spec.trainer).build(
        training_data.columns, params, spec.seed, task.estimator, spec.levels
    )
    with _log_convergence_warnings():
        weights = row_weights(training_data, rows)
        name = f"{pipeline.steps[-1][0]}__sample_weight"
        arguments = {} if weights is None else {name: weights}
        pipeline.fit(training_data.frame.iloc[rows], training_data.y[rows], **arguments)
    return pipeline


def row_weights(training_data: TrainingData, rows: Rows) -> Floats | None:
    """How much each row fitted on counts; None when all count the same.

    "balanced" is the inverse of its class's share, a half-life 0.5 ** (age / half-life), where the
    newest row fitted on has the age 0. Raises Invalid for a half-life of rows without a time.
    """
    spec, weights = training_data.spec, None
    if spec.class_weight == BALANCED:
        from sklearn.utils.class_weight import compute_sample_weight

        weights = compute_sample_weight(BALANCED, training_data.y[rows])
    if spec.half_life_days is None:
        return weights
    if training_data.at is None:
        raise Invalid(
            "rows cannot be weighed by their age: not every row has an event time.",
            fields={"half_life_days": "needs an event time"},
        )
    at = training_data.at[rows]
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


def fold_metrics(
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
