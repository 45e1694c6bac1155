"""DLE: metrics of mean losses from a model that learned the losses, without labels.

Direct loss estimation: on the reference's labelled rows, trees learn what a row loses (such as its
absolute error) from its inputs and its prediction; of a window they predict the mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pilothouse.models.metrics.expected_metrics import Estimate
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import ExpectsLosses, task_of
from pilothouse.monitoring.column_values import category_name
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.estimation.loss_trees import LossTrees, fit_trees, trees_from_json

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.performance import Outputs

MAX_ROWS = 10_000  # of the reference to learn from, and of a window to predict
MIN_ROWS = 200
MAX_COLUMNS = 100
FOLDS = 2
STEP = 1e-4
SMOOTHING = 20.0  # rows of the overall mean that each category's mean begins with


@dataclass(frozen=True)
class LossInput:
    """One column that losses are predicted from; of a category, the mean loss it stands for."""

    name: str
    is_output: bool
    losses: Mapping[str, float] | None = None

    def values(self, features: pd.DataFrame, outputs: Outputs) -> Floats:
        """The column as numbers, NaN where a value is missing, unknown or no number."""
        import pandas as pd

        rows = len(features)
        source: Any = outputs if self.is_output else features
        if self.name not in source:
            return np.full(rows, np.nan)
        column = pd.Series(source[self.name])
        if self.losses is not None:
            codes, categories = pd.factorize(column)
            losses = [self.losses.get(category_name(value), np.nan) for value in categories]
            return np.asarray([*losses, np.nan], dtype=np.float64)[codes]
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        return np.asarray(np.where(np.isfinite(numbers), numbers, np.nan), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class LossEstimator:
    """Trees for each loss of the task, and what the reference's losses were like.

    `means` and `covariance` are of the reference's losses. `gaps` say how far the estimate of each
    metric was off on rows of the reference that the trees had not learned from.
    """

    method: ClassVar[str] = "DLE"
    inputs: tuple[LossInput, ...]
    trees: tuple[LossTrees, ...]
    means: Floats
    covariance: Floats
    gaps: Mapping[str, float]

    def estimate(
        self, task: ExpectsLosses, signature: Signature, features: pd.DataFrame, outputs: Outputs
    ) -> dict[str, Estimate]:
        """The metrics of answered rows; of very many rows, by evenly drawn ones."""
        rows = len(features)
        step = -(-rows // MAX_ROWS) or 1
        sampled = {name: values[::step] for name, values in outputs.items()}
        inputs = _matrix(self.inputs, features.iloc[::step], sampled)
        predicted = np.maximum(np.column_stack([part.predict(inputs) for part in self.trees]), 0)
        means = predicted.mean(axis=0)
        covariance = self._covariance(means) / rows
        if step > 1:
            covariance = covariance + np.atleast_2d(np.cov(predicted.T)) / len(predicted)
        return _estimates(task, signature, means, covariance)

    def _covariance(self, means: Floats) -> Floats:
        """That of a row's losses: the reference's, grown as the mean of each loss has."""
        ratio = np.divide(means, self.means, out=np.ones_like(means), where=self.means > 0)
        return np.asarray(self.covariance * np.outer(ratio, ratio), dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `loss_estimator_from_json` reads back."""
        return {
            "method": self.method,
            "inputs": [[part.name, part.is_output, part.losses] for part in self.inputs],
            "trees": [part.to_json() for part in self.trees],
            "means": self.means.tolist(),
            "covariance": self.covariance.tolist(),
            "gaps": dict(self.gaps),
        }


def loss_estimator_from_json(value: Mapping[str, Any]) -> LossEstimator:
    """The estimator that `to_json` wrote."""
    return LossEstimator(
        tuple(LossInput(*part) for part in value["inputs"]),
        tuple(trees_from_json(part) for part in value["trees"]),
        np.asarray(value["means"]),
        np.asarray(value["covariance"]),
        value["gaps"],
    )


def fit_losses(
    task: ExpectsLosses,
    signature: Signature,
    features: pd.DataFrame,
    outputs: Outputs,
    truth: Floats,
) -> LossEstimator | None:
    """The estimator that labelled rows allow; None when there are too few."""
    if len(truth) < MIN_ROWS:
        return None
    step = -(-len(truth) // MAX_ROWS)
    outputs = {name: values[::step] for name, values in outputs.items()}
    features, truth = features.iloc[::step], truth[::step]
    losses = task.row_losses(signature, outputs, truth)
    if not np.isfinite(losses).all():
        return None

    inputs = _inputs(signature, features, losses[:, 0])
    matrix = _matrix(inputs, features, outputs)
    held_out = _held_out(matrix, losses)
    estimates = task.loss_metrics(signature, np.maximum(held_out, 0).mean(axis=0))
    metrics = task.loss_metrics(signature, losses.mean(axis=0))
    return LossEstimator(
        inputs,
        tuple(fit_trees(matrix, loss) for loss in losses.T),
        losses.mean(axis=0),
        np.atleast_2d(np.cov(losses.T)),
        {key: abs(value - metrics[key]) for key, value in estimates.items()},
    )


def _held_out(matrix: Floats, losses: Floats) -> Floats:
    """The losses of each half of the rows as trees predict them that learned from the other."""
    folds = np.random.default_rng(0).permutation(len(matrix)) % FOLDS
    predicted = np.empty_like(losses)
    for fold in range(FOLDS):
        test = folds == fold
        for k, loss in enumerate(losses.T):
            predicted[test, k] = fit_trees(matrix[~test], loss[~test]).predict(matrix[test])
    return predicted


def _inputs(signature: Signature, features: pd.DataFrame, loss: Floats) -> tuple[LossInput, ...]:
    inputs = []
    for column in signature.inputs:
        if column.type == "time" or column.name not in features:
            continue
        is_number = column.type in ("number", "integer")
        means = None if is_number else _mean_losses(features[column.name], loss)
        inputs.append(LossInput(column.name, False, means))
    numbers = [
        column for column in task_of(signature).columns(signature) if column.kind == "number"
    ]
    return (*inputs[:MAX_COLUMNS], *(LossInput(column.name, True) for column in numbers))


def _mean_losses(column: pd.Series[Any], loss: Floats) -> dict[str, float]:
    """The mean loss of each category, drawn towards that of all rows where it has few."""
    import pandas as pd

    codes, categories = pd.factorize(column)
    present = codes >= 0
    rows = np.bincount(codes[present], minlength=len(categories))
    total = np.bincount(codes[present], loss[present], len(categories))
    means = (total + SMOOTHING * loss.mean()) / (rows + SMOOTHING)
    return {
        category_name(name): mean for name, mean in zip(categories, means.tolist(), strict=True)
    }


def _matrix(inputs: Sequence[LossInput], features: pd.DataFrame, outputs: Outputs) -> Floats:
    return np.column_stack([part.values(features, outputs) for part in inputs])


def _estimates(
    task: ExpectsLosses, signature: Signature, means: Floats, covariance: Floats
) -> dict[str, Estimate]:
    """The metrics with their errors, by the delta method."""
    values = task.loss_metrics(signature, means)
    steps = np.diag(STEP * np.abs(means) + STEP**2)
    above = [task.loss_metrics(signature, means + step) for step in steps]
    below = [task.loss_metrics(signature, np.maximum(means - step, 0)) for step in steps]
    estimates = {}
    for key, value in values.items():
        pairs = zip(above, below, steps.diagonal(), strict=True)
        gradient = np.array([(high[key] - low[key]) / (2 * step) for high, low, step in pairs])
        variance = max(float(gradient @ covariance @ gradient), 0.0)
        estimates[key] = Estimate(value, math.sqrt(variance))
    return estimates
