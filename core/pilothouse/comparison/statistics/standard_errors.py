"""The standard error of one model's metric, by the kind of the metric.

An AUC has DeLong's, a share Agresti and Coull's, a function of means that of the delta method, and
a metric of the weighted rows as a whole that of a bootstrap. Rows are taken to be independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pilothouse.comparison.statistics.delong import covariance_of_areas
from pilothouse.comparison.statistics.result import Floats
from pilothouse.models.metrics.weighted_metrics import (
    Measure,
    Reweighted,
    RocAreas,
    RowSums,
    Untested,
)

MIN_ROWS = 10  # of each class, or at all: with fewer the error itself is hardly known
RESAMPLES, BLOCK = 200, 20
SEED = 20_130_301


@dataclass(frozen=True)
class StandardError:
    """The standard error of a metric, and how it was computed.

    `inflation` is how much of the metric chance alone may make: that of a sum of absolute gaps,
    such as the calibration error, which is above 0 for a perfect model too.
    """

    error: float
    method: str
    inflation: float = 0.0


class TooFewRows(ValueError):
    """There are too few rows for an error; the message says of what."""


def standard_error(measure: Measure) -> StandardError | None:
    """The error of a metric; None for a metric without one, or of too few groups of rows.

    Raises TooFewRows.
    """
    if isinstance(measure, Untested) or (measure.unit == "groups" and measure.rows < MIN_ROWS):
        return None
    if measure.rows < MIN_ROWS:
        raise TooFewRows(f"{measure.rows} labels; a standard error needs {MIN_ROWS}")
    if isinstance(measure, RocAreas):
        return StandardError(_area_error(measure), "DeLong")
    if isinstance(measure, Reweighted):
        return StandardError(_bootstrap_error(measure), "bootstrap")
    if measure.is_share:
        return StandardError(_share_error(measure), "Agresti-Coull")
    if measure.is_sum_of_gaps:
        return _gap_error(measure)
    return StandardError(_delta_error(measure), "delta")


def _area_error(areas: RocAreas) -> float:
    """DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), of one model."""
    classes, count = np.unique(areas.strata, return_counts=True)
    if len(classes) < 2 or count.min() < MIN_ROWS:
        fewest = int(count.min()) if len(classes) > 1 else 0
        raise TooFewRows(f"{fewest} rows of a class; a standard error needs {MIN_ROWS}")
    return math.sqrt(float(covariance_of_areas([areas], classes)[0, 0]))


def _share_error(share: RowSums) -> float:
    """Agresti and Coull, The American Statistician 52 (1998): not 0 for a share of 0 or 1."""
    n = share.rows + 4
    p = (float(share.columns.sum()) + 2) / n
    return math.sqrt(p * (1 - p) / n)


def _delta_error(sums: RowSums) -> float:
    """What each row adds to a function of means is its gradient times the row's deviation."""
    means = sums.columns.mean(axis=0)
    added: Floats = (sums.columns - means) @ sums.gradient(means)
    return float(added.std(ddof=1)) / math.sqrt(sums.rows)


def _gap_error(gaps: RowSums) -> StandardError:
    """Of a sum of absolute means: each is inflated by up to the mean of a half-normal."""
    errors = gaps.columns.std(axis=0) / math.sqrt(gaps.rows)
    inflation = math.sqrt(2 / math.pi) * float(errors.sum())
    return StandardError(math.sqrt(float(np.square(errors).sum())), "delta", inflation)


def _bootstrap_error(measure: Reweighted) -> float:
    """Efron and Tibshirani, An introduction to the bootstrap (1993), chapter 6."""
    rng = np.random.default_rng(SEED)
    rows = measure.rows
    even = np.full(rows, 1 / rows)
    values = [
        measure.values(rng.multinomial(rows, even, BLOCK).astype(np.float32))
        for _ in range(RESAMPLES // BLOCK)
    ]
    return float(np.nanstd(np.concatenate(values), ddof=1))
