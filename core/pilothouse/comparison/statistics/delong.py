"""Differences of ROC AUCs of models on the same rows: DeLong's test.

DeLong, DeLong and Clarke-Pearson, Comparing the areas under two or more correlated receiver
operating characteristic curves, Biometrics 44 (1988); computed from midranks in O(n log n) as Sun
and Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing Letters 21 (2014).
"""

from __future__ import annotations

import math

import numpy as np

from pilothouse.comparison.statistics.result import Floats, Labels, TestResult, normal_test


def midranks(values: Floats) -> Floats:
    """The rank of each value from 1, equal values sharing the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(ordered)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def roc_aucs(y: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """The ROC AUC of each row of `scores` (models x rows), and the covariance of these AUCs.

    With m positives and n negatives, the AUC is (sum of the positives' ranks - m(m+1)/2) / (mn),
    and its covariance S10/m + S01/n, the covariances of the placements of positives among the
    negatives and of negatives among the positives. Both classes must occur at least twice.
    """
    positive = y == 1
    m, n = int(positive.sum()), int((~positive).sum())
    above, below = np.empty((len(scores), m)), np.empty((len(scores), n))
    aucs = np.empty(len(scores))

    for index, score in enumerate(scores):
        ranks = midranks(score)
        hits, rest = ranks[positive], ranks[~positive]
        above[index] = (hits - midranks(score[positive])) / n
        below[index] = 1 - (rest - midranks(score[~positive])) / m
        aucs[index] = (hits.sum() - m * (m + 1) / 2) / (m * n)

    covariance = np.cov(above).reshape(len(scores), -1) / m
    covariance += np.cov(below).reshape(len(scores), -1) / n
    return aucs, covariance


def delong(y: Labels, scores: Floats) -> list[TestResult]:
    """The difference of each later model's ROC AUC to the first; empty when a class is too rare."""
    if min(int((y == 1).sum()), int((y != 1).sum())) < 2:
        return []
    aucs, covariance = roc_aucs(y, scores)
    return [
        normal_test(
            "delong", len(y), "rows", float(aucs[at] - aucs[0]), _standard_error(covariance, at)
        )
        for at in range(1, len(scores))
    ]


def _standard_error(covariance: Floats, at: int) -> float:
    variance = covariance[0, 0] + covariance[at, at] - 2 * covariance[0, at]
    # Rounding may leave a trace of variance, of either sign, between equal rankings.
    return math.sqrt(variance) if variance > 1e-15 else 0.0
