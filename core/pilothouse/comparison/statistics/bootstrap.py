"""Differences of any metric between models on the same rows: the paired bootstrap.

Rows are drawn with replacement, the same draw for every model, so that rows that are hard for all
of them cancel out. The interval is between percentiles of the differences: Efron and
Tibshirani, An introduction to the bootstrap (1993), chapter 13; paired as in Berg-Kirkpatrick,
Burkett and Klein, An empirical investigation of statistical significance in NLP (2012).

PERF: a person waits for this. Of more than `MAX_ROWS` rows a sample is drawn once and resampled;
its spread is scaled to that of all rows by sqrt(sample / rows) (Politis, Romano and Wolf,
Subsampling, 1999), around the difference on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from pilothouse.comparison.statistics.result import LEVEL, Floats, Labels, TestResult
from pilothouse.comparison.statistics.weighted_metrics import (
    AveragePrecision,
    Places,
    WeightedMetric,
    WeightedSums,
    metric_values,
    weighted_metrics,
)

Weights = npt.NDArray[np.float32]
RESAMPLES = 400
MAX_ROWS = 10_000
BLOCK = 40
SEED = 20_130_301


def bootstrap(
    y: Labels, scores: Floats, thresholds: Sequence[float], keys: Sequence[str]
) -> Mapping[str, list[TestResult]]:
    """For each metric, the difference of each later model to the first.

    The draws have a fixed seed, so that results are reproducible.
    """
    whole = [metric_values(keys, y, *settings) for settings in zip(scores, thresholds, strict=True)]
    sample = _sampled_rows(len(y))
    models = _ModelMeasures(
        [
            weighted_metrics(keys, y[sample], *settings)
            for settings in zip(scores[:, sample], thresholds, strict=True)
        ],
        keys,
    )
    once = models.metric_values(np.ones((1, len(sample)), dtype=np.float32))[0]

    with threadpool_limits(
        limits=1, user_api="blas"
    ):  # BLAS threads wait for each other on busy cores
        figures = np.concatenate(
            [models.metric_values(weights) for weights in _resampled_weights(len(sample))]
        )

    gaps, middle = figures[:, 1:] - figures[:, :1], once[1:] - once[:1]
    spread = (gaps - middle) * np.sqrt(len(sample) / len(y))

    return {
        key: [
            _result(settings[key] - whole[0][key], spread[:, model, index], len(y))
            for model, settings in enumerate(whole[1:])
        ]
        for index, key in enumerate(keys)
    }


def _result(delta: float, spread: Floats, rows: int) -> TestResult:
    finite = spread[np.isfinite(spread)]  # a draw without one of the classes has no value
    if not len(finite):
        return TestResult("bootstrap", rows, "rows", delta, np.nan, np.nan)
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return TestResult("bootstrap", rows, "rows", delta, delta + float(low), delta + float(high))


def _sampled_rows(rows: int) -> Places:
    if rows <= MAX_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).choice(rows, MAX_ROWS, replace=False))


def _resampled_weights(rows: int) -> Iterator[Weights]:
    """How often each row was drawn, `BLOCK` resamples at a time."""
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // BLOCK):
        drawn = rng.integers(0, rows, (BLOCK, rows), dtype=np.int32)
        drawn += np.arange(BLOCK, dtype=np.int32)[:, None] * rows
        counts = np.bincount(drawn.ravel(), minlength=BLOCK * rows)
        yield counts.reshape(BLOCK, rows).astype(np.float32)


class _ModelMeasures:
    """The weighted metrics of all models, with every column to sum in one matrix.

    PERF: one matrix product sums all columns of all models for a block of resamples.
    """

    def __init__(self, made: Sequence[Mapping[str, WeightedMetric]], keys: Sequence[str]) -> None:
        self._made, self._keys = made, keys
        sums = [
            m.columns
            for measures_by_key in made
            for m in measures_by_key.values()
            if isinstance(m, WeightedSums)
        ]
        unique = {id(columns): columns for columns in sums}
        widths = np.cumsum([0, *(columns.shape[1] for columns in unique.values())])
        self._places = {
            at: slice(start, end)
            for at, start, end in zip(unique, widths, widths[1:], strict=False)
        }
        columns = np.concatenate(list(unique.values()), axis=1) if unique else np.empty((0, 0))
        # PERF: single precision halves the time. A sum of 20,000 floats keeps six digits, more than
        # the noise of resampling leaves.
        self._columns = columns.astype(np.float32)

    def metric_values(self, weights: Weights) -> Floats:
        """Values as an array (sets of weights x models x metrics)."""
        total = weights.sum(axis=1, dtype=np.float64)[:, None]
        product = (weights @ self._columns) / total if self._columns.size else None
        values_by_model = np.empty((len(weights), len(self._made), len(self._keys)))

        for model, measures_by_key in enumerate(self._made):
            for metric, key in enumerate(self._keys):
                made = measures_by_key[key]
                if isinstance(made, AveragePrecision):
                    values_by_model[:, model, metric] = made.of(weights)
                else:
                    assert product is not None
                    columns = self._places[id(made.columns)]
                    values_by_model[:, model, metric] = made.combine(product[:, columns])

        return values_by_model
