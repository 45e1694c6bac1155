"""Permutation importance: how much worse a model answers once a column is shuffled.

The measure is Breiman's (Random Forests, 2001), by the primary metric of the task. It is computed
on the encoded matrix, so that a feature is encoded once and not once per shuffle. The columns that
come from one feature are shuffled together. It runs in child processes only.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def importance(
    pipeline: Pipeline,
    columns: FeatureColumns,
    rows: Any,
    truth: Floats,
    signature: Signature,
    seed: int,
) -> dict[str, Any]:
    """Mean and deviation of the loss in the primary metric per feature, the largest first.

    `pipeline` is a fitted one whose first step makes the matrix whose columns `columns` describes.
    `metric` is the key of the metric; "" where it cannot be computed on these rows and the loss is
    that of the mean cost of a row.
    """
    sample = thin(len(truth), ROWS, seed)
    matrix = pipeline[0].transform(rows.iloc[sample])
    scorer = _Scorer.of(pipeline[1:], signature, matrix, truth[sample])

    rng = np.random.default_rng(seed)
    sources = np.array(columns.sources, dtype=object)
    groups = [np.flatnonzero(sources == name) for name in columns.names]
    losses = np.array([_losses(scorer, matrix, group, rng) for group in groups])

    order = np.argsort(-losses.mean(axis=1), kind="stable")
    return {
        "column": [columns.names[index] for index in order],
        "importance": losses.mean(axis=1)[order].tolist(),
        "std": losses.std(axis=1)[order].tolist(),
        "metric": scorer.metric,
    }


@dataclass(frozen=True)
class _Scorer:
    """How well a model answers for a matrix: higher is better."""

    model: Pipeline
    signature: Signature
    truth: Floats
    metric: str = ""
    whole: float = 0.0

    @classmethod
    def of(cls, model: Pipeline, signature: Signature, matrix: Floats, truth: Floats) -> _Scorer:
        """The scorer by the primary metric, or by the cost of a row when there is none."""
        task, key = task_of(signature), primary_metric(task_of(signature))
        columns = output_columns(signature, predict_raw(model, signature, matrix))
        metrics = task.compute_metrics(signature, columns, truth)
        scorer = cls(model, signature, truth, key if key in metrics else "")
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
    scorer: _Scorer, matrix: Floats, group: npt.NDArray[np.intp], rng: np.random.Generator
) -> Floats:
    """What each shuffle of one feature's columns loses; one call predicts them all."""
    trials = np.tile(matrix, (REPEATS, 1))
    shuffles = [rng.permutation(matrix[:, group]) for _ in range(REPEATS)]
    trials[:, group] = np.concatenate(shuffles)
    raw = predict_raw(scorer.model, scorer.signature, trials)
    return np.array([scorer.whole - scorer.score(part) for part in np.split(raw, REPEATS)])
