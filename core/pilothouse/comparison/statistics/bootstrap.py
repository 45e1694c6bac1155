"""Any metric of two models on the same rows, and what the difference is worth: paired bootstrap.

The rows are drawn again with replacement, the same draw for every model, so that what is hard for
all of them cancels out. The interval is between percentiles of the differences: Efron and
Tibshirani, An introduction to the bootstrap (1993), chapter 13; paired as in Berg-Kirkpatrick,
Burkett and Klein, An empirical investigation of statistical significance in NLP (2012).

A click waits for this, so of more than `MAX_ROWS` rows a part is drawn once and resampled; its
spread is brought to that of all rows by the root of the share (Politis, Romano and Wolf,
Subsampling, 1999), around the difference on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pilothouse.comparison.statistics.result import LEVEL, Floats, Labels, TestResult
from pilothouse.comparison.statistics.weighted_metrics import (
    Measure,
    Places,
    Ranking,
    Sums,
    measures,
    values,
)

Weights = npt.NDArray[np.float32]
RESAMPLES = 400
MAX_ROWS = 10_000
BLOCK = 40
SEED = 20_130_301


def bootstrap(
    y: Labels, scores: Floats, thresholds: Sequence[float], keys: Sequence[str]
) -> Mapping[str, list[TestResult]]:
    """For each metric, each later model's figure held against the first's.

    The draws have a fixed seed: the same question has the same answer.
    """
    whole = [values(keys, y, *each) for each in zip(scores, thresholds, strict=True)]
    kept = _drawn(len(y))
    models = _Models(
        [measures(keys, y[kept], *each) for each in zip(scores[:, kept], thresholds, strict=True)],
        keys,
    )
    once = models.figures(np.ones((1, len(kept)), dtype=np.float32))[0]
    with threadpool_limits(limits=1, user_api="blas"):  # on busy cores, threads wait for threads
        figures = np.concatenate([models.figures(weights) for weights in _weights(len(kept))])
    gaps, middle = figures[:, 1:] - figures[:, :1], once[1:] - once[:1]
    spread = (gaps - middle) * np.sqrt(len(kept) / len(y))
    return {
        key: [
            _finding(each[key] - whole[0][key], spread[:, model, place], len(y))
            for model, each in enumerate(whole[1:])
        ]
        for place, key in enumerate(keys)
    }


def _finding(delta: float, spread: Floats, rows: int) -> TestResult:
    told = spread[np.isfinite(spread)]  # a draw without a class has no figure
    if not len(told):
        return TestResult("bootstrap", rows, "rows", delta, np.nan, np.nan)
    low, high = np.quantile(told, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return TestResult("bootstrap", rows, "rows", delta, delta + float(low), delta + float(high))


def _drawn(rows: int) -> Places:
    if rows <= MAX_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).choice(rows, MAX_ROWS, replace=False))


def _weights(rows: int) -> Iterator[Weights]:
    """How often each row was drawn, `BLOCK` resamples at a time."""
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // BLOCK):
        drawn = rng.integers(0, rows, (BLOCK, rows), dtype=np.int32)
        drawn += np.arange(BLOCK, dtype=np.int32)[:, None] * rows
        counts = np.bincount(drawn.ravel(), minlength=BLOCK * rows)
        yield counts.reshape(BLOCK, rows).astype(np.float32)


class _Models:
    """The measures of all models, with every column that is to be summed in one matrix."""

    def __init__(self, made: Sequence[Mapping[str, Measure]], keys: Sequence[str]) -> None:
        self._made, self._keys = made, keys
        sums = [m.columns for each in made for m in each.values() if isinstance(m, Sums)]
        unique = {id(columns): columns for columns in sums}
        widths = np.cumsum([0, *(columns.shape[1] for columns in unique.values())])
        self._places = {
            at: slice(start, end)
            for at, start, end in zip(unique, widths, widths[1:], strict=False)
        }
        columns = np.concatenate(list(unique.values()), axis=1) if unique else np.empty((0, 0))
        # Halves the time; a sum of 20,000 singles is good to six digits, noise is not.
        self._columns = columns.astype(np.float32)

    def figures(self, weights: Weights) -> Floats:
        """Figures as (sets of weights x models x metrics)."""
        total = weights.sum(axis=1, dtype=np.float64)[:, None]
        product = (weights @ self._columns) / total if self._columns.size else None
        found = np.empty((len(weights), len(self._made), len(self._keys)))
        for model, each in enumerate(self._made):
            for metric, key in enumerate(self._keys):
                made = each[key]
                if isinstance(made, Ranking):
                    found[:, model, metric] = made.of(weights)
                else:
                    assert product is not None
                    place = self._places[id(made.columns)]
                    found[:, model, metric] = made.combine(product[:, place])
        return found
