"""Permutation importance: how much worse a model answers once a column is shuffled.

The measure is Breiman's (Random Forests, 2001), by the primary metric of the task. It is computed
on the encoded matrix, so that a feature is encoded once and not once per shuffle. The columns that
come from one feature are shuffled together. It runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import metric_of, primary_metric, task_of
from pilothouse.training.answers import Floats, Outputs, output_columns, predict_raw
from pilothouse.training.columns import FeatureColumns
from pilothouse.training.splits import thin

ROWS = 2_000
REPEATS = 3


@dataclass(frozen=True)
class AnsweredRows:
    """A fitted pipeline with rows that it has not seen and their labels as numbers."""

    pipeline: Pipeline
    rows: Any
    truth: Floats


def importance(
    parts: Sequence[AnsweredRows], columns: FeatureColumns, signature: Signature, seed: int
) -> dict[str, Any]:
    """Mean and deviation of the loss in the primary metric per feature, the largest first.

    The first step of each pipeline makes the matrix whose columns `columns` describes. With several
    parts, each shuffles its own rows, and the answers of all are measured together. `metric` is the
    key of the metric; "" where it cannot be computed on these rows and the loss is that of the mean
    cost of a row.
    """
    matrices = [_Matrix.of(part, ROWS // len(parts), seed) for part in parts]
    scorer = _Scorer.of(matrices, signature)

    rng = np.random.default_rng(seed)
    sources = np.array(columns.sources, dtype=object)
    groups = [np.flatnonzero(sources == name) for name in columns.names]
    losses = np.array([_losses(scorer, matrices, group, rng) for group in groups])

    order = np.argsort(-losses.mean(axis=1), kind="stable")
    return {
        "column": [columns.names[index] for index in order],
        "importance": losses.mean(axis=1)[order].tolist(),
        "std": losses.std(axis=1)[order].tolist(),
        "metric": scorer.metric,
    }


@dataclass(frozen=True)
class _Matrix:
    """Encoded rows, their labels, and the model that answers them."""

    model: Pipeline
    rows: Floats
    truth: Floats

    @classmethod
    def of(cls, part: AnsweredRows, most: int, seed: int) -> _Matrix:
        sample = thin(len(part.truth), most, seed)
        encoded = part.pipeline[0].transform(part.rows.iloc[sample])
        return cls(part.pipeline[1:], encoded, part.truth[sample])


@dataclass(frozen=True)
class _Scorer:
    """How well models answer for their rows together: higher is better."""

    signature: Signature
    truth: Floats
    metric: str = ""
    whole: float = 0.0

    @classmethod
    def of(cls, matrices: Sequence[_Matrix], signature: Signature) -> _Scorer:
        """The scorer by the primary metric, or by the cost of a row when there is none."""
        task, key = task_of(signature), primary_metric(task_of(signature))
        raw = [predict_raw(matrix.model, signature, matrix.rows) for matrix in matrices]
        columns = output_columns(signature, np.concatenate(raw))
        truth = np.concatenate([matrix.truth for matrix in matrices])
        metrics = task.compute_metrics(signature, columns, truth)
        scorer = cls(signature, truth, key if key in metrics else "")
        return replace(scorer, whole=scorer._value(columns, metrics))

    def score(self, raw: Floats) -> float:
        columns = output_columns(self.signature, raw)
        if not self.metric:
            return self._value(columns, {})
        metrics = task_of(self.signature).compute_metrics(self.signature, columns, self.truth)
        return self._value(columns, metrics)

    def _value(self, columns: Outputs, metrics: Mapping[str, float]) -> float:
        """The metric of these answers, or their negative mean cost where there is none."""
        task = task_of(self.signature)
        metric = metric_of(task, self.metric)
        if metric is None:
            return -float(task.row_cost(self.signature, columns, self.truth).mean())
        return metrics[metric.key] if metric.direction == "higher" else -metrics[metric.key]


def _losses(
    scorer: _Scorer,
    matrices: Sequence[_Matrix],
    group: npt.NDArray[np.intp],
    rng: np.random.Generator,
) -> Floats:
    """What each shuffle of one feature's columns loses."""
    answers = [_shuffled_answers(matrix, group, scorer.signature, rng) for matrix in matrices]
    repeats = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return np.array([scorer.whole - scorer.score(raw) for raw in repeats])


def _shuffled_answers(
    matrix: _Matrix, group: npt.NDArray[np.intp], signature: Signature, rng: np.random.Generator
) -> list[Floats]:
    """The raw answers for each shuffle of some columns; one call predicts them all."""
    trials = np.tile(matrix.rows, (REPEATS, 1))
    shuffles = [rng.permutation(matrix.rows[:, group]) for _ in range(REPEATS)]
    trials[:, group] = np.concatenate(shuffles)
    return np.split(predict_raw(matrix.model, signature, trials), REPEATS)
