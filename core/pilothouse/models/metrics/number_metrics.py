"""Metrics of predicted numbers and quantiles, given the observed numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
