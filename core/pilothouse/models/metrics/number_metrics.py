"""Metrics of predicted numbers and quantiles, given the observed numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from pilothouse.models.metrics.weighted_metrics import (
    Measures,
    Untested,
    divided,
    mean_of,
    median_of,
    share_of,
    sums_of,
)

Floats = npt.NDArray[np.float64]
DECILES = 10


def regression_metrics(y: Floats, predicted: Floats) -> dict[str, float]:
    """Errors of predictions, in the unit of the target unless their name says otherwise.

    R² is left out where the target does not vary, the percentage error where it is ever 0.
    """
    error = predicted - y
    metrics = {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "median_ae": float(np.median(np.abs(error))),
        "max_error": float(np.abs(error).max()),
        "mean_error": float(error.mean()),
    }
    variation = float(np.square(y - y.mean()).sum())
    if variation > 0:
        metrics["r2"] = 1 - float(np.square(error).sum()) / variation
    if np.all(y != 0):
        metrics["mape"] = float(np.abs(error / y).mean())
    return metrics


def regression_measures(y: Floats, predicted: Floats) -> Measures:
    """The same metrics with what each row adds to them; the largest error has no test."""
    error, centred = predicted - y, y - y.mean() if len(y) else y
    measures: Measures = {
        "mae": lambda: mean_of(np.abs(error)),
        "rmse": lambda: sums_of(np.sqrt, np.square(error)),
        "median_ae": lambda: median_of(np.abs(error)),
        "max_error": lambda: Untested(float(np.abs(error).max(initial=0))),
        "mean_error": lambda: mean_of(error),
        "r2": lambda: sums_of(_r2, np.square(error), centred, np.square(centred)),
    }
    if np.any(y == 0):
        return measures
    return {**measures, "mape": lambda: mean_of(np.abs(error / y))}


def _r2(squared_error: Floats, mean: Floats, mean_square: Floats) -> Floats:
    """1 less the share of the target's variance that the errors are."""
    return 1 - divided(squared_error, mean_square - np.square(mean), np.nan)


def pinball(y: Floats, predicted: Floats, level: float) -> Floats:
    """The pinball loss of each row at a quantile level (Koenker and Bassett 1978)."""
    error = y - predicted
    return np.asarray(np.maximum(level * error, (level - 1) * error), dtype=np.float64)


def quantile_metrics(y: Floats, quantiles: Floats, levels: tuple[float, ...]) -> dict[str, float]:
    """Metrics of quantiles, one column a level, the levels rising.

    `coverage` is the share of rows between the outermost quantiles, `coverage_gap` its distance
    from the nominal share, `crossings` the share of rows whose quantiles do not rise;
    `interval_score` is that of Gneiting and Raftery (2007, equation 43).
    """
    losses = [pinball(y, quantiles[:, k], level).mean() for k, level in enumerate(levels)]
    metrics = {"pinball": float(np.mean(losses))}
    middle = min(range(len(levels)), key=lambda k: abs(levels[k] - 0.5))
    if abs(levels[middle] - 0.5) < 1e-9:
        metrics["mae"] = float(np.abs(quantiles[:, middle] - y).mean())
    if len(levels) < 2:
        return metrics

    low, high = quantiles[:, 0], quantiles[:, -1]
    nominal = levels[-1] - levels[0]
    coverage = float(np.mean((y >= low) & (y <= high)))
    below, above = np.maximum(low - y, 0), np.maximum(y - high, 0)
    return metrics | {
        "coverage": coverage,
        "coverage_gap": abs(coverage - nominal),
        "width": float(np.mean(high - low)),
        "interval_score": float(np.mean(high - low + 2 / (1 - nominal) * (below + above))),
        "crossings": float(np.mean((np.diff(quantiles, axis=1) < 0).any(axis=1))),
    }


def quantile_measures(y: Floats, quantiles: Floats, levels: tuple[float, ...]) -> Measures:
    """The same metrics with what each row adds to them."""
    columns = [quantiles[:, k] for k in range(len(levels))]
    losses = [partial(pinball, y, column, lv) for column, lv in zip(columns, levels, strict=True)]
    measures: Measures = {"pinball": lambda: mean_of(np.mean([loss() for loss in losses], axis=0))}
    middle = min(range(len(levels)), key=lambda k: abs(levels[k] - 0.5))
    if abs(levels[middle] - 0.5) < 1e-9:
        measures = {**measures, "mae": lambda: mean_of(np.abs(columns[middle] - y))}
    if len(levels) < 2:
        return measures

    low, high, nominal = columns[0], columns[-1], levels[-1] - levels[0]
    inside = (y >= low) & (y <= high)
    outside = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    return {
        **measures,
        "coverage": lambda: share_of(inside),
        "coverage_gap": lambda: sums_of(lambda share: np.abs(share - nominal), inside),
        "width": lambda: mean_of(high - low),
        "interval_score": lambda: mean_of(high - low + 2 / (1 - nominal) * outside),
        "crossings": lambda: share_of(np.asarray(np.any(np.diff(quantiles, axis=1) < 0, axis=1))),
    }


def by_decile(key: Floats, value: Floats) -> tuple[list[float], list[float], list[int]]:
    """The mean key, mean value and rows of each tenth of the rows by rising key.

    Rows of one key stay together, so there may be fewer than ten groups.
    """
    edges = np.unique(np.quantile(key, np.linspace(0, 1, DECILES + 1)[1:-1]))
    group = np.searchsorted(edges, key, side="left")
    count = np.bincount(group, minlength=len(edges) + 1)
    filled = count > 0
    mean_key = np.bincount(group, key, len(count))[filled] / count[filled]
    mean_value = np.bincount(group, value, len(count))[filled] / count[filled]
    return mean_key.tolist(), mean_value.tolist(), count[filled].tolist()
