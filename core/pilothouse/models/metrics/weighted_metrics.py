"""Metrics as what rows add to them, so that differences between two models can be tested.

A task gives each of its metrics as one of these kinds, and the kind decides the test: areas under
a ROC curve, shares of rows, means over rows, functions of such means, and metrics that only a
resample can be computed of. An `Untested` metric has a value and no test: a resample says nothing
about a maximum (Efron and Tibshirani, An introduction to the bootstrap, 1993, section 7.4).

`values` takes weights (sets x units) and returns one value per set. With a weight of 1 for each
unit it equals the metric itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pilothouse.models.metrics.class_metrics import BINS, roc_auc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
Weights = npt.NDArray[Any]
Unit = Literal["rows", "groups"]
Combine = Callable[[Floats], Floats]
STEP = 1e-4  # of a mean, for the gradient of a function of means
MAX_MATRIX = 100  # classes up to which a resample of all cells of their matrix is affordable


@dataclass(frozen=True, eq=False)
class RowSums:
    """A metric that is a function of weighted means of `columns` (units x sums).

    `combine` takes the means (sets x sums) and returns one value per set. `is_share` says that the
    only column is 1 or 0 and the metric its mean, `is_sum_of_gaps` that it is the sum of the
    absolute means. A unit is a row, or a group of rows.
    """

    columns: Floats
    combine: Combine
    unit: Unit = "rows"
    is_share: bool = False
    is_sum_of_gaps: bool = False

    @property
    def rows(self) -> int:
        """How many units there are."""
        return len(self.columns)

    def value(self) -> float:
        """The metric; NaN where it is not defined."""
        return float(self.combine(self.columns.mean(axis=0, keepdims=True))[0])

    def values(self, weights: Weights) -> Floats:
        """The metric for each set of weights."""
        total = weights.sum(axis=1, dtype=np.float64, keepdims=True)
        return self.combine((weights @ self.columns) / total)

    def gradient(self, means: Floats) -> Floats:
        """How the metric changes with each mean, by central differences."""
        steps = np.diag(STEP * np.abs(means) + STEP**2)
        with np.errstate(invalid="ignore", divide="ignore"):
            above, below = self.combine(means + steps), self.combine(means - steps)
        # A sum that is 0 on all rows may leave its metric undefined; no row adds anything to it.
        return np.nan_to_num((above - below) / (2 * steps.diagonal()), posinf=0.0, neginf=0.0)


@dataclass(frozen=True, eq=False)
class RocAreas:
    """The mean of ROC AUCs on the same rows, each of a score for some of the rows' classes.

    `strata` is the class of each row. An AUC is a pair: which rows are positive, and the score.
    """

    strata: Positions
    areas: Sequence[tuple[Bools, Floats]]
    unit: Unit = "rows"

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.strata)

    def value(self) -> float:
        """The mean AUC; NaN where a class is missing."""
        if any(not 0 < int(y.sum()) < len(y) for y, _ in self.areas):
            return float("nan")
        return float(np.mean([roc_auc(y, score) for y, score in self.areas]))

    def values(self, weights: Weights) -> Floats:
        """The mean AUC for each set of weights; NaN where a class has no weight."""
        aucs = [_weighted_auc(y, score, weights) for y, score in self.areas]
        return np.asarray(np.mean(aucs, axis=0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Reweighted:
    """A metric that is computed of the weighted rows as a whole."""

    rows: int
    compute: Callable[[Weights], Floats]
    unit: Unit = "rows"

    def value(self) -> float:
        """The metric; NaN where it is not defined."""
        return float(self.compute(np.ones((1, self.rows)))[0])

    def values(self, weights: Weights) -> Floats:
        """The metric for each set of weights."""
        return self.compute(weights)


@dataclass(frozen=True, eq=False)
class Untested:
    """A metric that has a value and no test of a difference."""

    metric: float
    unit: Unit = "rows"

    def value(self) -> float:
        """The metric."""
        return self.metric


Resampled = RowSums | RocAreas | Reweighted
Measure = Resampled | Untested
# By key of the metric; computed when it is called, because seldom all of them are needed.
Measures = Mapping[str, Callable[[], Measure]]


def mean_of(values: npt.NDArray[Any], unit: Unit = "rows") -> RowSums:
    """The mean of one value per unit."""
    return RowSums(np.asarray(values, dtype=np.float64)[:, None], _first, unit)


def share_of(flags: npt.NDArray[Any]) -> RowSums:
    """The share of rows for which something holds."""
    return RowSums(np.asarray(flags, dtype=np.float64)[:, None], _first, is_share=True)


def sums_of(combine: Callable[..., Floats], *columns: npt.NDArray[Any]) -> RowSums:
    """A function of the means of some columns, as many arguments as there are columns."""
    stacked = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
    return RowSums(stacked, lambda means: combine(*means.T))


def two_class_measures(y: Bools, called: Bools) -> Measures:
    """Metrics of the confusion matrix of two classes: which rows are, and are called, positive."""

    @cache
    def cells() -> Floats:
        parts = (y & called, ~y & called, y & ~called, ~y & ~called)
        return np.stack(parts, axis=1).astype(np.float64)

    def measure(combine: Callable[[Floats, Floats, Floats, Floats], Floats]) -> Any:
        return lambda: RowSums(cells(), lambda means: combine(*means.T))

    return {
        "accuracy": lambda: share_of(y == called),
        **{key: measure(combine) for key, combine in _OF_CELLS.items()},
    }


def class_measures(y: Positions, predicted: Positions, classes: int) -> Measures:
    """Accuracy, and averages over the classes of what each class scores.

    Of more than `MAX_MATRIX` classes the averages have no test.
    """
    from pilothouse.models.metrics.class_metrics import label_metrics

    @cache
    def cells() -> Floats:
        hits = np.where(y == predicted, y, classes)
        return np.hstack([_one_hot(part, classes) for part in (hits, y, predicted)])

    @cache
    def metrics() -> dict[str, float]:
        return label_metrics(y, predicted, classes)

    def measure(key: str, combine: Combine) -> Callable[[], Measure]:
        if classes > MAX_MATRIX:
            return lambda: Untested(metrics()[key])
        return lambda: RowSums(cells(), combine)

    return {
        "accuracy": lambda: share_of(y == predicted),
        **{key: measure(key, combine) for key, combine in _OF_CLASSES.items()},
    }


def average_precision_of(pairs: Sequence[tuple[Bools, Floats]]) -> Reweighted:
    """The mean average precision of scores, each with the rows that are positive."""
    prepared = [_falling(y, score) for y, score in pairs]
    rows = len(pairs[0][0])
    return Reweighted(
        rows,
        lambda weights: np.mean([_average_precision(part, weights) for part in prepared], axis=0),
    )


def median_of(values: Floats) -> Reweighted:
    """The median of one value per row, where weights count rows."""
    order = np.argsort(values, kind="stable")
    rising = values[order]

    def compute(weights: Weights) -> Floats:
        count = weights[:, order].cumsum(axis=1, dtype=np.float64)
        total = count[:, -1:]
        # The two middle ones of an even number, twice the same one of an odd number.
        low, high = np.floor((total - 1) / 2), np.floor(total / 2)
        middle = [rising[np.argmax(count > position, axis=1)] for position in (low, high)]
        return np.asarray(np.mean(middle, axis=0), dtype=np.float64)

    return Reweighted(len(values), compute)


def calibration_error_of(y: Bools, score: Floats) -> RowSums:
    """Gaps in equal bins of the score, weighted by rows (Guo et al. 2017)."""
    bins = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
    columns = np.zeros((len(score), BINS))
    columns[np.arange(len(score)), bins] = score - y
    return RowSums(columns, lambda means: np.abs(means).sum(axis=1), is_sum_of_gaps=True)


def divided(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    """The quotient, and another value where nothing is divided."""
    out = np.full_like(np.asarray(above, dtype=np.float64), otherwise)
    np.divide(above, below, out=out, where=below > 0)
    return out


def _first(means: Floats) -> Floats:
    return means[:, 0]


def _weighted_auc(y: Bools, score: Floats, weights: Weights) -> Floats:
    """The weighted chance that a positive outranks a negative, ties by half."""
    order = np.argsort(score, kind="stable")
    ordered, is_positive = score[order], y[order]
    turned = np.ascontiguousarray(weights.T)[order]  # PERF: contiguous rows for the cache
    negative = np.where(is_positive[:, None], 0, turned).cumsum(axis=0, dtype=np.float64)
    until = np.vstack([np.zeros(turned.shape[1]), negative])
    starts = np.searchsorted(ordered, ordered[is_positive], side="left")
    ends = np.searchsorted(ordered, ordered[is_positive], side="right")
    outranked = (until[starts] + until[ends]) / 2
    hits = turned[is_positive].astype(np.float64)
    pairs = hits.sum(axis=0) * negative[-1]
    return divided((hits * outranked).sum(axis=0), pairs, np.nan)


@dataclass(frozen=True, eq=False)
class _Falling:
    """Rows by falling score, and for each positive where its ties end.

    `hits` are the positives among the ordered rows; `ends` and `hit_ends` the last row, and the
    last positive, whose score is not below theirs.
    """

    order: npt.NDArray[np.intp]
    hits: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]
    hit_ends: npt.NDArray[np.intp]


def _falling(y: Bools, score: Floats) -> _Falling:
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.flatnonzero(y[order])
    last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # the last row of each tie
    ends = last[np.searchsorted(last, hits)]
    return _Falling(order, hits, ends, np.searchsorted(hits, ends, side="right") - 1)


def _average_precision(rows: _Falling, weights: Weights) -> Floats:
    """AP = sum of (R_k - R_(k-1)) P_k, ties as one step; NaN without a positive."""
    turned = np.ascontiguousarray(weights.T)[rows.order]
    hit = turned[rows.hits]
    caught, called = hit.cumsum(axis=0), turned.cumsum(axis=0)
    precision = divided(caught[rows.hit_ends], called[rows.ends])
    total = caught[-1] if len(caught) else np.zeros(len(weights))
    return divided((hit * precision).sum(axis=0, dtype=np.float64), total, np.nan)


def _one_hot(codes: Positions, classes: int) -> Floats:
    """One column per class; a code beyond them is none."""
    return np.asarray(codes[:, None] == np.arange(classes), dtype=np.float64)


def _matthews(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    under = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return divided(tp * tn - fp * fn, under)


def _class_parts(means: Floats) -> tuple[Floats, Floats, Floats]:
    """Hits, rows and predictions of each class (sets x classes)."""
    hits, support, called = np.split(means, 3, axis=1)
    return hits, support, called


def _balanced_accuracy(means: Floats) -> Floats:
    """The mean recall of the classes that occur."""
    hits, support, _ = _class_parts(means)
    recall = divided(hits, support, np.nan)
    return np.asarray(np.nanmean(recall, axis=1), dtype=np.float64)


def _f1_macro(means: Floats) -> Floats:
    """The mean F1 of the classes that occur or are predicted."""
    hits, support, called = _class_parts(means)
    f1 = divided(2 * hits, support + called, np.nan)
    return np.asarray(np.nanmean(f1, axis=1), dtype=np.float64)


def _f1_weighted(means: Floats) -> Floats:
    hits, support, called = _class_parts(means)
    f1 = divided(2 * hits, support + called)
    return divided((f1 * support).sum(axis=1), support.sum(axis=1))


_OF_CELLS: Mapping[str, Callable[[Floats, Floats, Floats, Floats], Floats]] = {
    "f1": lambda tp, fp, fn, tn: divided(2 * tp, 2 * tp + fp + fn),
    "precision": lambda tp, fp, fn, tn: divided(tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: divided(tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: divided(tn, tn + fp),
    "balanced_accuracy": lambda tp, fp, fn, tn: (divided(tp, tp + fn) + divided(tn, tn + fp)) / 2,
    "matthews": _matthews,
}
_OF_CLASSES: Mapping[str, Combine] = {
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
    "f1_weighted": _f1_weighted,
}
