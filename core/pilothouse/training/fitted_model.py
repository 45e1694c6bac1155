"""A model fitted on a training's rows, with its answers for rows that it has not seen.

It runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.kit.errors import Invalid
from pilothouse.models.metrics.class_metrics import best_threshold
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import SCORE, ranking_metrics
from pilothouse.training.answers import Floats, Outputs, output_columns, predict_raw
from pilothouse.training.fits import Call, Fit, Fits
from pilothouse.training.progress import Phase, Step, fitting_phases, out_of_fold_phases
from pilothouse.training.search import Search
from pilothouse.training.splits import Rows
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_THRESHOLD = 0.5
FOLD_METRICS = 4  # of the task's metrics, the first so many are computed on each fold


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
    fits: Fits | None = None,
    made: Iterator[Fit] | None = None,
) -> FittedModel:
    """Fit one set of parameters, on the folds and on all rows that are to be fitted on.

    When a search of so many `trials` chose them, it is repeated for each fold that answers rows, on
    the rows that this one fits on: those that it answers then had no part in the choice. `fits`
    says where fits are made, by default here; `made` has those of a held-out training, when they
    were asked for before.
    """
    fits = fits or Fits(training_data)
    if training_data.by_folds:
        return _fit_by_folds(training_data, params, step, trials, fits)
    sizes = [len(fold.train) for fold in training_data.folds]
    phases = fitting_phases(sizes, len(training_data.split.train))
    if made is not None:
        return _fit_held_out(training_data, params, iter(phases), step, made)
    with fits.made(training_calls(fits, training_data, params)) as made:
        return _fit_held_out(training_data, params, iter(phases), step, made)


def training_calls(
    fits: Fits, training_data: TrainingData, params: Mapping[str, Value], part: int = 0
) -> list[Call]:
    """The calls of one training, or of that of one of its folds: its folds, and its own fit."""
    folds = fits.fold_calls(training_data, params, part) if training_data.folds else []
    return [*folds, fits.last_call(training_data, params, part)]


def _fit_held_out(
    training_data: TrainingData,
    params: Mapping[str, Value],
    phases: Iterator[Phase],
    step: Step,
    made: Iterator[Fit],
) -> FittedModel:
    fold_answers = []
    for _ in training_data.folds:
        step(next(phases))
        fold_answers.append(output_columns(training_data.target.signature, next(made).raw))

    step(next(phases))
    threshold = _threshold(training_data, fold_answers)
    fit = next(made)
    pipeline = _kept(fit)
    signature = training_data.signature(pipeline[0], threshold)
    answered_by = [(pipeline, training_data.split.test)]
    return FittedModel(
        training_data, params, pipeline, signature, fit.raw, fit.seconds, fold_answers, answered_by
    )


def _fit_by_folds(
    training_data: TrainingData,
    params: Mapping[str, Value],
    step: Step,
    trials: int,
    fits: Fits,
) -> FittedModel:
    """The whole training once for each fold, on the rows that it fits on, and once on all rows.

    The threshold is the mean of the folds', each found without the rows that its fold answers.
    """
    parts = [
        _fold_data(fits.part(training_data, number), trials)
        for number in range(len(training_data.folds))
    ]
    sizes = [_sizes(part, trials) for part in parts]
    phases = iter(out_of_fold_phases(sizes, len(training_data.split.train)))
    last = fits.whole_call(training_data, params)
    if trials:
        answered = []
        for number, part in enumerate(parts):
            chosen = _search(part, number, trials, phases, step, fits)
            with fits.made(training_calls(fits, part, chosen, number)) as made:
                answered.append(_fit_held_out(part, chosen, phases, step, made))
        step(next(phases))
        with fits.made([last]) as made:
            whole = next(made)
    else:
        calls = [
            call
            for number, part in enumerate(parts)
            for call in training_calls(fits, part, params, number)
        ]
        with fits.made([*calls, last]) as made:
            answered = [_fit_held_out(part, params, phases, step, made) for part in parts]
            step(next(phases))
            whole = next(made)
    return _answered_by_folds(training_data, params, parts, answered, whole, searched=trials > 0)


def _answered_by_folds(
    training_data: TrainingData,
    params: Mapping[str, Value],
    parts: Sequence[TrainingData],
    answered: Sequence[FittedModel],
    whole: Fit,
    *,
    searched: bool,
) -> FittedModel:
    """The model of all rows, with the answers of the folds' models in the order of the rows."""
    pipeline, signature = _kept(whole), training_data.target.signature
    threshold = float(np.mean([fit.signature.threshold for fit in answered]))
    order = np.argsort(np.concatenate([part.split.test for part in parts]), kind="stable")
    return FittedModel(
        data=training_data,
        params=params,
        pipeline=pipeline,
        signature=training_data.signature(pipeline[0], threshold),
        raw=np.concatenate([fit.raw for fit in answered])[order],
        seconds=whole.seconds,
        fold_answers=[output_columns(signature, fit.raw) for fit in answered],
        answered_by=[pair for fit in answered for pair in fit.answered_by],
        searched=searched,
    )


def _kept(fit: Fit) -> Pipeline:
    if fit.pipeline is None:
        raise TypeError("the pipeline of a fold is not kept")
    return fit.pipeline


def _fold_data(part: TrainingData, trials: int) -> TrainingData:
    """The training of a fold, without folds of its own where these would decide nothing."""
    finds_threshold = part.task.has_threshold and part.spec.threshold is None
    return part if trials or finds_threshold else replace(part, folds=())


def _sizes(part: TrainingData, trials: int) -> list[int]:
    """The rows that each step of a fold's training fits on: trials, folds, the fold itself."""
    inner = [len(fold.train) for fold in part.folds]
    return [*[sum(inner)] * trials, *inner, len(part.split.train)]


def _search(
    part: TrainingData,
    number: int,
    trials: int,
    phases: Iterator[Phase],
    step: Step,
    fits: Fits,
) -> Mapping[str, Value]:
    """The parameters that the training's search finds on the folds of some of the rows."""
    spec, metric = part.spec, part.spec.metric or ""
    trainer = trainers.get(spec.trainer)
    search = Search(trainer, spec.params, metric_kind(metric).direction, spec.seed)
    suggested: list[dict[str, Value]] = []
    while len(suggested) < trials:
        batch = search.suggest(trials - len(suggested))
        suggested += batch
        calls = [call for params in batch for call in fits.fold_calls(part, params, number)]
        with fits.made(calls) as made:
            for _ in batch:
                step(next(phases))
                answers = [
                    output_columns(part.target.signature, next(made).raw) for _ in part.folds
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
