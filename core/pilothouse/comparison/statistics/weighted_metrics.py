"""Metrics of scored rows with a weight for each row, for many sets of weights at once.

PERF: a weighted metric is prepared once for a model's rows and evaluated for many sets of weights
(sets x rows), so that a bootstrap of nine metrics and ten models is a few matrix products. With a
weight of 1 for each row it equals the value that training logs under the same key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.delong import midranks
from pilothouse.comparison.statistics.result import Floats, Labels

BINS = 10
ROC_AUC, AVERAGE_PRECISION = "roc_auc", "average_precision"
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
Combine = Callable[[Floats], Floats]
CombineCells = Callable[[Floats, Floats, Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class WeightedSums:
    """A metric that is a function of weighted sums of `columns` (rows x sums).

    `combine` takes the weighted means (sets x sums) and returns one value per set.
    """

    columns: Floats
    combine: Combine


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """Average precision: rows by falling score, and for each positive where its ties end.

    `hits` are the positives among the ordered rows; `ends` and `hit_ends` the last row, and the
    last positive, whose score is not below theirs.
    """

    order: Places
    hits: Places
    ends: Places
    hit_ends: Places

    def of(self, weights: npt.NDArray[Any]) -> Floats:
        """The value for each set of weights: AP = sum of (R_k - R_(k-1)) P_k, ties as one step."""
        turned = np.ascontiguousarray(weights.T)[self.order]  # PERF: contiguous rows for the cache
        hit = turned[self.hits]
        caught, called = hit.cumsum(axis=0), turned.cumsum(axis=0)
        precision = _divide(caught[self.hit_ends], called[self.ends])
        total = caught[-1] if len(caught) else np.zeros(len(weights))
        return _divide((hit * precision).sum(axis=0, dtype=np.float64), total, np.nan)


WeightedMetric = WeightedSums | AveragePrecision


def weighted_metrics(
    keys: Sequence[str], y: Labels, score: Floats, threshold: float
) -> dict[str, WeightedMetric]:
    """The weighted metrics on these rows; each key is one of `WEIGHTED_METRICS`.

    Metrics of the confusion matrix share their columns, so that these are summed only once.
    """
    yes, by_key = y == 1, dict[str, WeightedMetric]()
    if AVERAGE_PRECISION in keys:
        by_key[AVERAGE_PRECISION] = _average_precision(yes, score)
    if any(key in _FROM_CONFUSION for key in keys):
        cells = _confusion(yes, score >= threshold)
        by_key |= {
            key: WeightedSums(cells, _combine_cells(_FROM_CONFUSION[key]))
            for key in keys
            if key in _FROM_CONFUSION
        }
    return by_key | {key: _FROM_SUMS[key](yes, score) for key in keys if key in _FROM_SUMS}


def weighted_value(made: WeightedMetric, weights: Floats) -> Floats:
    """The value of a metric for each set of weights (sets x rows)."""
    if isinstance(made, AveragePrecision):
        return made.of(weights)
    total = weights.sum(axis=1, dtype=np.float64, keepdims=True)
    return made.combine((weights @ made.columns) / total)


def metric_values(
    keys: Sequence[str], y: Labels, score: Floats, threshold: float
) -> dict[str, float]:
    """The unweighted value of each metric (of `METRIC_KEYS`) on these rows; NaN where undefined."""
    once = np.ones((1, len(y)))
    made = weighted_metrics([key for key in keys if key != ROC_AUC], y, score, threshold)
    by_key = {key: float(weighted_value(measure, once)[0]) for key, measure in made.items()}
    if ROC_AUC in keys:
        by_key[ROC_AUC] = roc_auc_value(y, score)
    return {key: by_key[key] for key in keys}


def roc_auc_value(y: Labels, score: Floats) -> float:
    """The ROC AUC; NaN where a class is missing."""
    yes = y == 1
    m, n = int(yes.sum()), int((~yes).sum())
    if not m or not n:
        return np.nan
    return float((midranks(score)[yes].sum() - m * (m + 1) / 2) / (m * n))


def _average_precision(yes: Flags, score: Floats) -> AveragePrecision:
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.flatnonzero(yes[order])
    last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # the last row of each tie
    ends = last[np.searchsorted(last, hits)]
    return AveragePrecision(order, hits, ends, np.searchsorted(hits, ends, side="right") - 1)


def _divide(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below > 0)


def _log_loss(yes: Flags, score: Floats) -> WeightedSums:
    tiny = np.finfo(np.float64).eps
    chance = np.clip(np.where(yes, score, 1 - score), tiny, 1 - tiny)
    return WeightedSums(-np.log(chance)[:, None], lambda sums: sums[:, 0])


def _brier(yes: Flags, score: Floats) -> WeightedSums:
    return WeightedSums(((score - yes) ** 2)[:, None], lambda sums: sums[:, 0])


def _calibration_error(yes: Flags, score: Floats) -> WeightedSums:
    """Gaps in equal bins of the score, weighted by rows (Guo et al. 2017)."""
    bin_index = np.clip((score * BINS).astype(int), 0, BINS - 1)
    columns = np.zeros((len(score), BINS))
    columns[np.arange(len(score)), bin_index] = score - yes
    return WeightedSums(columns, lambda sums: np.abs(sums).sum(axis=1))


def _confusion(yes: Flags, called: Flags) -> Floats:
    """One column per cell of the confusion matrix: TP, FP, FN, TN."""
    cells = (yes & called, ~yes & called, yes & ~called, ~yes & ~called)
    return np.stack(cells, axis=1).astype(np.float64)


def _combine_cells(combine: CombineCells) -> Combine:
    return lambda sums: combine(*sums.T)


def _matthews(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    under = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return _divide(tp * tn - fp * fn, under)


_FROM_SUMS: Mapping[str, Callable[[Flags, Floats], WeightedSums]] = {
    "log_loss": _log_loss,
    "brier": _brier,
    "calibration_error": _calibration_error,
}
_FROM_CONFUSION: Mapping[str, CombineCells] = {
    "accuracy": lambda tp, fp, fn, tn: tp + tn,
    "balanced_accuracy": lambda tp, fp, fn, tn: (_divide(tp, tp + fn) + _divide(tn, tn + fp)) / 2,
    "precision": lambda tp, fp, fn, tn: _divide(tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: _divide(tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: _divide(tn, tn + fp),
    "f1": lambda tp, fp, fn, tn: _divide(2 * tp, 2 * tp + fp + fn),
    "matthews": _matthews,
}
THRESHOLD_METRICS: tuple[str, ...] = tuple(_FROM_CONFUSION)  # metrics that depend on the threshold
WEIGHTED_METRICS: tuple[str, ...] = (AVERAGE_PRECISION, *_FROM_SUMS, *_FROM_CONFUSION)
METRIC_KEYS: tuple[str, ...] = (ROC_AUC, *WEIGHTED_METRICS)
