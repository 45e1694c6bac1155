"""Differences of ROC AUCs of models on the same rows: DeLong's test.

DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44 (1988); computed from midranks in O(n log n) as Sun
and Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing Letters 21 (2014). With m
positives and n negatives, the AUC is the mean placement of the positives among the negatives, and
its covariance S10/m + S01/n, the covariances of the placements of either side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.result import Floats, TestResult, normal_test
from pilothouse.models.metrics.weighted_metrics import RocAreas

Bools = npt.NDArray[np.bool_]


def midranks(values: Floats) -> Floats:
    """The rank of each value from 1, equal values sharing the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(ordered)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def delong(models: Sequence[RocAreas]) -> list[TestResult]:
    """The difference of each later model's mean ROC AUC to the first; empty for too rare classes.

    The mean of several AUCs on the same rows is a sum of placements too, so its variance is the sum
    of theirs over the classes: for one AUC that is DeLong's. Each class must occur at least twice.
    """
    strata = models[0].strata
    classes, count = np.unique(strata, return_counts=True)
    if len(classes) < 2 or count.min() < 2 or any(np.isnan(model.value()) for model in models):
        return []

    covariance = covariance_of_areas(models, classes)
    aucs = [model.value() for model in models]
    return [
        normal_test(
            "delong", len(strata), "rows", aucs[at] - aucs[0], _standard_error(covariance, at)
        )
        for at in range(1, len(models))
    ]


def covariance_of_areas(models: Sequence[RocAreas], classes: npt.NDArray[Any]) -> Floats:
    """The covariance matrix of the mean AUCs on the same rows, whose strata have these classes."""
    parts = np.stack([_contributions(model) for model in models])
    covariance = np.zeros((len(models), len(models)))
    for label in classes:
        of_class = parts[:, models[0].strata == label]
        covariance += of_class.shape[1] * np.cov(of_class).reshape(covariance.shape)
    return covariance


def _contributions(model: RocAreas) -> Floats:
    """What each row adds to the mean AUC: its placement over the rows of its side."""
    total = np.zeros(model.rows)
    for positive, score in model.areas:
        above, below = placements(positive, score)
        total[positive] += above / len(above)
        total[~positive] += below / len(below)
    return total / len(model.areas)


def placements(positive: Bools, score: Floats) -> tuple[Floats, Floats]:
    """Of positives the share of negatives below, of negatives the share of positives above."""
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = midranks(score)
    hits, rest = ranks[positive], ranks[~positive]
    above = (hits - midranks(score[positive])) / n
    return above, 1 - (rest - midranks(score[~positive])) / m


def _standard_error(covariance: Floats, at: int) -> float:
    variance = covariance[0, 0] + covariance[at, at] - 2 * covariance[0, at]
    # Rounding may leave a trace of variance, of either sign, between equal rankings.
    return math.sqrt(variance) if variance > 1e-15 else 0.0
