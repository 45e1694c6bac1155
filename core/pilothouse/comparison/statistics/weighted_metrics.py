"""Metrics of scored rows that take a weight for each row, many sets of weights at once.

A measure is made once for a model's rows, and then asked for many sets of weights (sets x rows):
that is what makes a bootstrap of nine metrics and ten models a few matrix products. With a weight
of 1 for each row it is the figure that training logs under the same key.
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
OfCells = Callable[[Floats, Floats, Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Sums:
    """A metric of weighted sums: `columns` (rows x sums) and what is made of the sums.

    `combine` takes (sets x sums) over the sum of the weights, and answers one figure a set.
    """

    columns: Floats
    combine: Combine


@dataclass(frozen=True, eq=False)
class Ranking:
    """Average precision: rows by falling score, and for each positive where its equals end.

    `hits` are the positives among the ordered rows; `ends` and `hit_ends` the last row, and the
    last positive, whose score is not below theirs.
    """

    order: Places
    hits: Places
    ends: Places
    hit_ends: Places

    def of(self, weights: npt.NDArray[Any]) -> Floats:
        """The figure for each set of weights: the mean precision over steps of recall."""
        turned = np.ascontiguousarray(weights.T)[self.order]  # whole lines: kind to the cache
        hit = turned[self.hits]
        caught, called = hit.cumsum(axis=0), turned.cumsum(axis=0)
        precision = _over(caught[self.hit_ends], called[self.ends])
        total = caught[-1] if len(caught) else np.zeros(len(weights))
        return _over((hit * precision).sum(axis=0, dtype=np.float64), total, np.nan)


Measure = Sums | Ranking


def measures(keys: Sequence[str], y: Labels, score: Floats, threshold: float) -> dict[str, Measure]:
    """The measures of metrics on these rows; each key is one of `WEIGHED`.

    Metrics of the confusion share their columns, so that nobody has to add them up twice.
    """
    yes, found = y == 1, dict[str, Measure]()
    if AVERAGE_PRECISION in keys:
        found[AVERAGE_PRECISION] = _ranking(yes, score)
    if any(key in _CELLS for key in keys):
        cells = _confusion(yes, score >= threshold)
        found |= {key: Sums(cells, _of_cells(_CELLS[key])) for key in keys if key in _CELLS}
    return found | {key: _SUMS[key](yes, score) for key in keys if key in _SUMS}


def figure(made: Measure, weights: Floats) -> Floats:
    """The figure of a measure for each set of weights (sets x rows)."""
    if isinstance(made, Ranking):
        return made.of(weights)
    total = weights.sum(axis=1, dtype=np.float64, keepdims=True)
    return made.combine((weights @ made.columns) / total)


def values(keys: Sequence[str], y: Labels, score: Floats, threshold: float) -> dict[str, float]:
    """The plain figure of each metric (of `KEYS`) on these rows; NaN where it has none."""
    once = np.ones((1, len(y)))
    made = measures([key for key in keys if key != ROC_AUC], y, score, threshold)
    found = {key: float(figure(each, once)[0]) for key, each in made.items()}
    if ROC_AUC in keys:
        found[ROC_AUC] = area(y, score)
    return {key: found[key] for key in keys}


def area(y: Labels, score: Floats) -> float:
    """The ROC AUC; NaN where a class is missing."""
    yes = y == 1
    m, n = int(yes.sum()), int((~yes).sum())
    if not m or not n:
        return np.nan
    return float((midranks(score)[yes].sum() - m * (m + 1) / 2) / (m * n))


def _ranking(yes: Flags, score: Floats) -> Ranking:
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], np.flatnonzero(yes[order])
    last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])  # of each run of equals
    ends = last[np.searchsorted(last, hits)]
    return Ranking(order, hits, ends, np.searchsorted(hits, ends, side="right") - 1)


def _over(above: Floats, below: Floats, otherwise: float = 0.0) -> Floats:
    return np.divide(above, below, out=np.full_like(above, otherwise), where=below > 0)


def _log_loss(yes: Flags, score: Floats) -> Sums:
    tiny = np.finfo(np.float64).eps
    chance = np.clip(np.where(yes, score, 1 - score), tiny, 1 - tiny)
    return Sums(-np.log(chance)[:, None], lambda sums: sums[:, 0])


def _brier(yes: Flags, score: Floats) -> Sums:
    return Sums(((score - yes) ** 2)[:, None], lambda sums: sums[:, 0])


def _calibration_error(yes: Flags, score: Floats) -> Sums:
    """Gaps in equal bins of the score, weighted by rows (Guo et al. 2017)."""
    place = np.clip((score * BINS).astype(int), 0, BINS - 1)
    columns = np.zeros((len(score), BINS))
    columns[np.arange(len(score)), place] = score - yes
    return Sums(columns, lambda sums: np.abs(sums).sum(axis=1))


def _confusion(yes: Flags, said: Flags) -> Floats:
    """Columns of the four cells: true positive, false positive, false and true negative."""
    cells = (yes & said, ~yes & said, yes & ~said, ~yes & ~said)
    return np.stack(cells, axis=1).astype(np.float64)


def _of_cells(combine: OfCells) -> Combine:
    return lambda sums: combine(*sums.T)


def _matthews(tp: Floats, fp: Floats, fn: Floats, tn: Floats) -> Floats:
    under = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return _over(tp * tn - fp * fn, under)


_SUMS: Mapping[str, Callable[[Flags, Floats], Sums]] = {
    "log_loss": _log_loss,
    "brier": _brier,
    "calibration_error": _calibration_error,
}
_CELLS: Mapping[str, OfCells] = {
    "accuracy": lambda tp, fp, fn, tn: tp + tn,
    "balanced_accuracy": lambda tp, fp, fn, tn: (_over(tp, tp + fn) + _over(tn, tn + fp)) / 2,
    "precision": lambda tp, fp, fn, tn: _over(tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: _over(tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: _over(tn, tn + fp),
    "f1": lambda tp, fp, fn, tn: _over(2 * tp, 2 * tp + fp + fn),
    "matthews": _matthews,
}
DECIDED: tuple[str, ...] = tuple(_CELLS)  # what a threshold changes
WEIGHED: tuple[str, ...] = (AVERAGE_PRECISION, *_SUMS, *_CELLS)
KEYS: tuple[str, ...] = (ROC_AUC, *WEIGHED)
