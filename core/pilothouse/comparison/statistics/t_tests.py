"""t-tests of scores that were measured several times, over folds or over seeds.

Folds share most of their training rows, so their variance is too small for the usual t-test. Nadeau
and Bengio, Inference for the generalization error, Machine Learning 52 (2003), replace 1/k by
1/k + n_test/n_train. Seeds are independent runs: Welch's t-test (1947), with the degrees of freedom
of Welch and Satterthwaite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pilothouse.comparison.statistics.result import TestResult, student_t_test


def folds(
    scores: Sequence[float], baseline: Sequence[float], judged_over_fitted: float
) -> TestResult | None:
    """Scores of the same folds, in the same order; None with fewer than two."""
    differences = np.subtract(scores, baseline)
    count = len(differences)
    if count < 2:
        return None
    variance = float(differences.var(ddof=1))
    error = math.sqrt((1 / count + judged_over_fitted) * variance)
    return student_t_test("folds", count, "folds", float(differences.mean()), error, count - 1)


def folds_apart(
    scores: Sequence[float], baseline: Sequence[float], judged_over_fitted: float
) -> TestResult | None:
    """Scores of folds that are not the same rows: the same correction, without the pairing."""
    few = min(len(scores), len(baseline))
    if few < 2:
        return None
    parts = [(1 / len(s) + judged_over_fitted) * _variance(s) for s in (scores, baseline)]
    delta = float(np.mean(scores) - np.mean(baseline))
    return student_t_test("folds_apart", few, "folds", delta, math.sqrt(sum(parts)), few - 1)


def seeds(scores: Sequence[float], baseline: Sequence[float]) -> TestResult | None:
    """Scores of runs that differ only in their seed; None with fewer than two on a side."""
    if min(len(scores), len(baseline)) < 2:
        return None
    parts = [_variance(side) / len(side) for side in (scores, baseline)]
    delta = float(np.mean(scores) - np.mean(baseline))
    squares = sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, (scores, baseline), strict=True)
    )
    freedom = sum(parts) ** 2 / squares if squares else len(scores) + len(baseline) - 2
    count = len(scores) + len(baseline)
    return student_t_test("seeds", count, "runs", delta, math.sqrt(sum(parts)), freedom)


def _variance(scores: Sequence[float]) -> float:
    return float(np.var(scores, ddof=1))
