"""Metrics of rows without labels, from the probability that each row has each label.

Each is the metric of the expected confusion matrix, or the expected mean over rows (Białek,
Kuberski, Perrakis and Bifet, Estimating model performance under covariate shift without labels,
arXiv 2401.08348, 2024). Its error is the sampling error of the metric that so many labelled rows
would have: by the delta method and by DeLong's, with expected in place of observed labels.

`probabilities` have a row per row and a column per class; each row adds up to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pilothouse.models.metrics.weighted_metrics import (
    Measures,
    Positions,
    RowSums,
    class_measures,
    two_class_measures,
)

Floats = npt.NDArray[np.float64]
MIN_OF_CLASS = 10  # expected rows of a class, with fewer the error of an area is hardly known


@dataclass(frozen=True)
class Estimate:
    """An estimated metric, and the sampling error of the metric on as many labelled rows."""

    value: float
    error: float


def estimates_of_two_classes(called: npt.NDArray[np.bool_], chance: Floats) -> dict[str, Estimate]:
    """Metrics of the expected confusion matrix; `chance` is that of the positive class."""
    probabilities = np.column_stack([1 - chance, chance])
    cells = expected_confusion(called.astype(np.int64), probabilities)
    y, predicted = _cell_positions(2)
    return _of_cells(two_class_measures(y == 1, predicted == 1), cells)


def estimates_of_classes(predicted: Positions, probabilities: Floats) -> dict[str, Estimate]:
    """Accuracy, and averages over the classes, of the expected confusion matrix."""
    cells = expected_confusion(predicted, probabilities)
    classes = probabilities.shape[1]
    return _of_cells(class_measures(*_cell_positions(classes), classes), cells)


def expected_confusion(predicted: Positions, probabilities: Floats) -> Floats:
    """Expected rows by true class (down) and predicted class (across)."""
    classes = probabilities.shape[1]
    rows = [np.bincount(predicted, column, classes) for column in probabilities.T]
    return np.asarray(rows, dtype=np.float64)


def estimated_mean(values: Floats, probabilities: Floats) -> Estimate:
    """The mean over rows of a value that depends on the label (rows x classes)."""
    mean = float(np.einsum("ij,ij->", probabilities, values)) / len(values)
    square = float(np.einsum("ij,ij,ij->", probabilities, values, values)) / len(values)
    return Estimate(mean, math.sqrt(max(square - mean**2, 0.0) / len(values)))


def estimated_share(chance: Floats) -> Estimate:
    """The share of rows for which something holds, each with its chance."""
    return Estimate(float(chance.mean()), _share_error(float(chance.mean()), len(chance)))


def estimated_roc_auc(score: Floats, chance: Floats) -> Estimate | None:
    """The area under the ROC curve of a score; None when a class has hardly any rows."""
    area = _Area.of(score, chance)
    if area is None:
        return None
    variance = chance @ np.square(area.if_positive) + (1 - chance) @ np.square(area.if_negative)
    return Estimate(area.value, math.sqrt(variance) / len(score))


def estimated_mean_roc_auc(scores: Floats, probabilities: Floats) -> Estimate | None:
    """The mean area of each class against the others; None when one has hardly any rows."""
    areas = [_Area.of(*pair) for pair in zip(scores.T, probabilities.T, strict=True)]
    complete = [area for area in areas if area is not None]
    if len(complete) < len(areas):
        return None
    # A row of one class is a negative of all other areas.
    negative = np.sum([area.if_negative for area in complete], axis=0)
    added = [negative - area.if_negative + area.if_positive for area in complete]
    influence = np.square(np.column_stack(added) / len(areas))
    variance = float(np.einsum("ij,ij->", probabilities, influence))
    value = float(np.mean([area.value for area in complete]))
    return Estimate(value, math.sqrt(variance) / len(scores))


@dataclass(frozen=True, eq=False)
class _Area:
    """An expected area, and what each row adds to it if it is positive or negative."""

    value: float
    if_positive: Floats
    if_negative: Floats

    @staticmethod
    def of(score: Floats, chance: Floats) -> _Area | None:
        """By the placements of DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988)."""
        rows, positives = len(score), float(chance.sum())
        negatives = rows - positives
        if min(positives, negatives) < MIN_OF_CLASS:
            return None
        order = np.argsort(score)
        first, tied = _ties(score[order])
        hits = np.add.reduceat(chance[order], first)
        misses = tied - hits
        below = (np.cumsum(misses) - misses / 2) / negatives
        above = 1 - (np.cumsum(hits) - hits / 2) / positives
        value = float(hits @ below) / positives
        placed = np.empty((2, rows))
        placed[0, order] = np.repeat((below - value) * (rows / positives), tied)
        placed[1, order] = np.repeat((above - value) * (rows / negatives), tied)
        return _Area(value, placed[0], placed[1])


def _ties(rising: Floats) -> tuple[Positions, Positions]:
    """Where each distinct value begins, and how many rows have it."""
    first = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
    return first, np.diff(first, append=len(rising))


def _cell_positions(classes: int) -> tuple[Positions, Positions]:
    """The true and the predicted class of each cell of a confusion matrix."""
    y, predicted = np.divmod(np.arange(classes * classes), classes)
    return y, predicted


def _of_cells(measures: Measures, cells: Floats) -> dict[str, Estimate]:
    """Metrics of weighted cells: one row stands for all rows of its cell."""
    weights, rows = cells.ravel(), float(cells.sum())
    estimates = {}
    for key, measure in measures.items():
        sums = measure()
        if isinstance(sums, RowSums):
            estimates[key] = _of_sums(sums, weights, rows)
    return {key: made for key, made in estimates.items() if math.isfinite(made.value)}


def _of_sums(sums: RowSums, weights: Floats, rows: float) -> Estimate:
    value = float(sums.values(weights[None])[0])
    if sums.is_share:
        return Estimate(value, _share_error(value, rows))
    means = weights @ sums.columns / rows
    added = (sums.columns - means) @ sums.gradient(means)
    return Estimate(value, math.sqrt(float(weights @ np.square(added))) / rows)


def _share_error(share: float, rows: float) -> float:
    """Agresti and Coull, The American Statistician 52 (1998): not 0 for a share of 0 or 1."""
    p = (share * rows + 2) / (rows + 4)
    return math.sqrt(p * (1 - p) / (rows + 4))
