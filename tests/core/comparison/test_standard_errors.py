"""Standard errors against statsmodels, scipy, and samples that are drawn anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from pilothouse.comparison.statistics.standard_errors import (
    StandardError,
    TooFewRows,
    standard_error,
)
from pilothouse.models.metrics import weighted_metrics as measure

seeds = st.integers(0, 10**6)


def error_of(metric: measure.Measure) -> StandardError:
    error = standard_error(metric)
    assert error is not None
    return error


def placement_error(y: np.ndarray, score: np.ndarray) -> float:
    """DeLong's as it is written: the variance of the placements of either side."""
    hits, rest = score[y], score[~y]
    wins = (hits[:, None] > rest) + 0.5 * (hits[:, None] == rest)
    above, below = wins.mean(axis=1), wins.mean(axis=0)
    return float(np.sqrt(above.var(ddof=1) / len(hits) + below.var(ddof=1) / len(rest)))


@settings(deadline=None)
@given(seeds, st.integers(40, 300))
def test_delong_is_the_variance_of_the_placements(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % 3 == 0
    score = np.round(rng.normal(y, 1), 1)
    error = error_of(measure.RocAreas(y.astype(np.int64), [(y, score)]))
    assert (error.error, error.method) == (pytest.approx(placement_error(y, score)), "DeLong")


@settings(deadline=None)
@given(seeds, st.integers(10, 200))
def test_a_mean_has_the_error_of_a_mean(seed: int, rows: int) -> None:
    values = np.random.default_rng(seed).gamma(2, 3, rows)
    assert error_of(measure.mean_of(values)).error == pytest.approx(stats.sem(values), rel=1e-6)


@settings(deadline=None)
@given(st.integers(10, 300), st.data())
def test_a_share_has_the_error_of_agresti_and_coull(rows: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, rows))
    error = error_of(measure.share_of(np.arange(rows) < hits)).error
    # Its interval is p ± z se with z^2 added rows; at z = 2 these are four.
    low, high = proportion_confint(hits, rows, 2 * stats.norm.sf(2), method="agresti_coull")
    if low > 0 and high < 1:
        assert error == pytest.approx((high - low) / 4, rel=1e-6)
    assert error > 0


@pytest.mark.parametrize("key", ["f1", "precision", "matthews", "balanced_accuracy"])
def test_the_delta_method_is_the_spread_of_samples(key: str) -> None:
    rng = np.random.default_rng(1)

    def draw(rows: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.random(rows) < 0.3
        return y, np.where(rng.random(rows) < 0.8, y, ~y)

    oracle = {
        "f1": metrics.f1_score,
        "precision": metrics.precision_score,
        "matthews": metrics.matthews_corrcoef,
        "balanced_accuracy": metrics.balanced_accuracy_score,
    }[key]
    samples = [oracle(*draw(1_000)) for _ in range(1_000)]
    errors = [error_of(measure.two_class_measures(*draw(1_000))[key]()) for _ in range(20)]
    assert {error.method for error in errors} == {"delta"}
    assert np.mean([error.error for error in errors]) == pytest.approx(np.std(samples), rel=0.1)


def test_a_metric_of_the_rows_as_a_whole_is_resampled() -> None:
    rng = np.random.default_rng(2)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        y = rng.random(1_000) < 0.3
        return y, rng.normal(y, 1)

    samples = [metrics.average_precision_score(*draw()) for _ in range(300)]
    error = error_of(measure.average_precision_of([draw()]))
    assert error.method == "bootstrap"
    assert error.error == pytest.approx(np.std(samples), rel=0.2)


def test_a_class_that_never_occurs_does_not_spoil_the_error() -> None:
    rng = np.random.default_rng(3)
    y, predicted = rng.integers(0, 3, (2, 500))
    error = error_of(measure.class_measures(y, predicted, 5)["f1_macro"]())
    assert 0 < error.error < 0.1


def test_a_calibration_error_is_inflated_by_chance() -> None:
    rng = np.random.default_rng(4)
    gaps = []
    for _ in range(200):
        score = rng.random(500)
        gaps.append(measure.calibration_error_of(rng.random(500) < score, score).value())
    score = rng.random(500)
    error = error_of(measure.calibration_error_of(rng.random(500) < score, score))
    assert error.inflation == pytest.approx(np.mean(gaps), rel=0.1)


def test_few_rows_have_no_error() -> None:
    y = np.arange(100) < 9
    with pytest.raises(TooFewRows, match="9 rows of a class"):
        standard_error(measure.RocAreas(y.astype(np.int64), [(y, np.arange(100.0))]))
    with pytest.raises(TooFewRows, match="5 labels"):
        standard_error(measure.mean_of(np.arange(5.0)))
    assert standard_error(measure.mean_of(np.arange(5.0), "groups")) is None
    assert standard_error(measure.Untested(0.5)) is None
