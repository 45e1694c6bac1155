"""The fits of a training: the parts of its job, which run wherever parts run.

All fits of the same rows share them, so that they cross to a cluster once, however many trials a
search has.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from pilothouse.jobs.backends import PartRunner
from pilothouse.jobs.backends.this_machine import OwnProcess
from pilothouse.kit.errors import Invalid
from pilothouse.training.answers import Floats, predict_raw
from pilothouse.training.spec import BALANCED, HELD_OUT, TrainingSpec
from pilothouse.training.splits import Rows, Split
from pilothouse.training.trainers import Value, trainers
from pilothouse.training.training_data import TrainingData

MS_PER_DAY = 86_400_000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """A pipeline fitted on one side of a split, and its raw answers for the other side.

    The pipeline of a fold is not kept. `seconds` is the time that both took.
    """

    pipeline: Pipeline | None
    raw: Floats
    seconds: float


@dataclass(frozen=True)
class FitRows:
    """The rows of trainings that share their data, and every split that their fits may use."""

    data: TrainingData
    splits: tuple[Split, ...]


Call = tuple[TrainingSpec, Mapping[str, Value], int, bool]


class Fits:
    """Makes the fits of the trainings of some rows, on one runner of parts.

    A split is known by its number. Held out: the folds, then the training's own. By folds: for each
    fold those within it, then its own; at last all rows, without a test.
    """

    def __init__(
        self,
        data: TrainingData,
        runner: PartRunner | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._runner = runner or OwnProcess()
        self._check = check
        self._parts = [data.within(fold) for fold in data.folds] if data.by_folds else [data]
        splits = [split for part in self._parts for split in (*part.folds, part.split)]
        if data.by_folds:
            splits.append(Split(data.split.train, data.split.train[:0]))
        self._rows = FitRows(data, tuple(splits))

    @contextmanager
    def made(self, calls: Iterable[Call]) -> Iterator[Iterator[Fit]]:
        """The fits of calls, in order: each when it is asked for, or earlier on a cluster.

        What nobody asks for within the block is given up.
        """
        with closing(self._runner.map(fit_split, self._rows, calls, self._check)) as fits:
            yield fits

    def part(self, data: TrainingData, number: int) -> TrainingData:
        """The training of one of its folds: what that answers is held out."""
        part = self._parts[number]
        return replace(data, evaluation=HELD_OUT, split=part.split, folds=part.folds)

    def fold_calls(
        self, data: TrainingData, params: Mapping[str, Value], part: int = 0
    ) -> list[Call]:
        """The calls of the folds of a training, or of the training of one of its folds."""
        start = self._start(part)
        folds = len(self._parts[part].folds)
        return [(data.spec, params, start + fold, False) for fold in range(folds)]

    def last_call(self, data: TrainingData, params: Mapping[str, Value], part: int = 0) -> Call:
        """The call of the fit that answers what is held out; its pipeline is kept."""
        return data.spec, params, self._start(part + 1) - 1, True

    def whole_call(self, data: TrainingData, params: Mapping[str, Value]) -> Call:
        """The call of the fit on all rows, when folds answer them."""
        return data.spec, params, len(self._rows.splits) - 1, True

    def _start(self, part: int) -> int:
        return sum(len(earlier.folds) + 1 for earlier in self._parts[:part])


def fit_split(
    rows: FitRows, spec: TrainingSpec, params: Mapping[str, Value], number: int, keep: bool
) -> Fit:
    """Fit on one side of a split and answer the other side, which may be empty."""
    data = replace(rows.data, target=replace(rows.data.target, spec=spec))
    split = rows.splits[number]
    began = time.perf_counter()
    pipeline = _fit_pipeline(data, params, split.train)
    raw = np.empty(0)
    if len(split.test):
        raw = predict_raw(pipeline, data.target.signature, data.frame.iloc[split.test])
    return Fit(pipeline if keep else None, raw, time.perf_counter() - began)


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
