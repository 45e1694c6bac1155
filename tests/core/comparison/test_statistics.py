"""What a difference is worth: each test against an independent reckoning of the same number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from pilothouse.comparison.statistics import t_tests
from pilothouse.comparison.statistics.bootstrap import BLOCK, RESAMPLES, SEED, bootstrap
from pilothouse.comparison.statistics.delong import delong, midranks, roc_aucs
from pilothouse.comparison.statistics.mcnemar import mcnemar, p_of
from pilothouse.comparison.statistics.weighted_metrics import (
    METRIC_KEYS,
    WEIGHTED_METRICS,
    metric_values,
    weighted_metrics,
    weighted_value,
)
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import tasks


def drawn(rows: int, seed: int, models: int = 2, digits: int = 3) -> tuple[Any, Any]:
    """Labels, and scores with ties that know something of them."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < 0.3).astype(np.int8)
    y[:4] = [0, 1, 0, 1]
    noise = rng.normal(0, 0.2, (models, rows)) * np.linspace(1, 2, models)[:, None]
    return y, np.clip(0.3 + 0.3 * y + noise, 0.001, 0.999).round(digits)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_midranks_are_scipys(values: list[int]) -> None:
    assert midranks(np.array(values, float)).tolist() == stats.rankdata(values).tolist()


@given(st.integers(0, 10_000), st.integers(6, 60), st.integers(1, 3))
def test_areas_and_their_covariance_are_those_of_delongs_own_formula(
    seed: int, rows: int, digits: int
) -> None:
    """DeLong 1988, equations 4 to 6: placement values from all pairs of a positive and a negative.

    Sun and Xu's ranks must come to the same numbers, ties included.
    """
    y, scores = drawn(rows, seed, models=3, digits=digits)
    positive, negative = scores[:, y == 1], scores[:, y == 0]
    gap = positive[:, :, None] - negative[:, None, :]
    kernel = (gap > 0) + 0.5 * (gap == 0)
    expected = kernel.mean(axis=(1, 2))
    s10, s01 = np.cov(kernel.mean(axis=2)), np.cov(kernel.mean(axis=1))
    aucs, covariance = roc_aucs(y, scores)
    np.testing.assert_allclose(aucs, expected, atol=1e-12)
    by_definition = s10 / positive.shape[1] + s01 / negative.shape[1]
    np.testing.assert_allclose(covariance, by_definition, atol=1e-12)


def test_delongs_p_value_is_that_of_its_z() -> None:
    y, scores = drawn(400, 7)
    areas_, covariance = roc_aucs(y, scores)
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    (result,) = delong(y, scores)
    assert result.delta == pytest.approx(areas_[1] - areas_[0])
    assert result.p == pytest.approx(2 * stats.norm.sf(abs(result.delta) / error))
    assert result.low == pytest.approx(result.delta - stats.norm.ppf(0.975) * error)


def test_a_model_held_against_itself_is_noise() -> None:
    y, scores = drawn(300, 1, models=1)
    (result,) = delong(y, np.repeat(scores, 2, axis=0))
    assert (result.delta, result.p, result.significant) == (0.0, 1.0, False)
    same = bootstrap(y, np.repeat(scores, 2, axis=0), [0.5, 0.5], ["f1"])["f1"][0]
    assert (same.delta, same.low, same.high, same.significant) == (0.0, 0.0, 0.0, False)


def test_delong_says_nothing_where_a_class_is_too_rare() -> None:
    assert delong(np.array([1, 0, 0, 0], np.int8), np.random.default_rng(0).random((2, 4))) == []


def test_mcnemar_on_agrestis_approval_of_the_prime_minister() -> None:
    """Agresti, Categorical Data Analysis, table 10.1: 1,600 asked twice, 150 and 86 changed."""
    right = np.r_[np.ones(794 + 86, bool), np.zeros(150 + 570, bool)]
    before = np.r_[np.ones(794, bool), np.zeros(86, bool), np.ones(150, bool), np.zeros(570, bool)]
    result = mcnemar(right, before)
    assert result.delta == pytest.approx(-64 / 1600)
    assert (result.low, result.high) == (
        pytest.approx(-0.0587, abs=1e-4),
        pytest.approx(-0.0213, abs=1e-4),
    )
    assert result.p == pytest.approx(stats.chi2.sf((64 - 1) ** 2 / 236, 1))
    assert result.significant


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_exact_for_few_discordant_rows(won: int, lost: int) -> None:
    if won + lost < 50:
        expected = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
        assert p_of(won, lost) == pytest.approx(expected)
    assert 0 <= p_of(won, lost) <= 1
    assert p_of(won, lost) == p_of(lost, won)


def test_the_corrected_t_of_folds_by_hand() -> None:
    """Nadeau and Bengio 2003: with ten folds, 1/10 + 1/9 stands where 1/10 stood."""
    a = [0.81, 0.79, 0.84, 0.80, 0.82, 0.83, 0.78, 0.85, 0.80, 0.82]
    b = [0.80, 0.77, 0.84, 0.78, 0.81, 0.81, 0.78, 0.83, 0.79, 0.80]
    result = t_tests.folds(a, b, 1 / 9)
    assert result is not None
    d = np.subtract(a, b)
    t = d.mean() / math.sqrt((1 / 10 + 1 / 9) * d.var(ddof=1))
    assert result.p == pytest.approx(2 * stats.t.sf(t, 9))
    plain = stats.ttest_rel(a, b)
    assert result.p > plain.pvalue
    uncorrected = t_tests.folds(a, b, 0.0)
    assert uncorrected is not None
    assert uncorrected.p == pytest.approx(plain.pvalue)
    assert uncorrected.low == pytest.approx(plain.confidence_interval().low)


def test_seeds_are_weighed_by_welch() -> None:
    a, b = [0.71, 0.74, 0.72, 0.70], [0.69, 0.68, 0.66]
    result, expected = t_tests.seeds(a, b), stats.ttest_ind(a, b, equal_var=False)
    assert result is not None
    assert result.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (result.low, result.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_one_measurement_a_side_decides_nothing() -> None:
    assert t_tests.seeds([0.7], [0.6, 0.7]) is None
    assert t_tests.folds([0.7], [0.6], 0.5) is None
    assert t_tests.folds_apart([0.7, 0.8], [0.6], 0.5) is None


def test_folds_that_are_not_the_same_rows_are_not_paired() -> None:
    a, b = [0.70, 0.72, 0.71], [0.69, 0.71, 0.70]
    paired, apart = t_tests.folds(a, b, 0.25), t_tests.folds_apart(a, b, 0.25)
    assert paired is not None
    assert apart is not None
    assert paired.high - paired.low < apart.high - apart.low


@given(st.integers(0, 10_000), st.integers(8, 80), st.integers(1, 3))
def test_a_measure_is_what_training_logs(seed: int, rows: int, digits: int) -> None:
    y, scores = drawn(rows, seed, models=1, digits=digits)
    signature = Signature((), "y", (0, 1), 1, threshold=0.4)
    columns, truth = {"score": scores[0]}, y.astype(float)
    expected = tasks.get("binary").compute_metrics(signature, columns, truth)
    assert metric_values(list(expected), y, scores[0], 0.4) == pytest.approx(expected, abs=1e-12)
    called = scores[0] >= 0.4
    more = metric_values(["balanced_accuracy", "matthews", "specificity"], y, scores[0], 0.4)
    assert more["matthews"] == pytest.approx(sk.matthews_corrcoef(y, called), abs=1e-12)
    assert more["specificity"] == pytest.approx(sk.recall_score(1 - y, ~called))
    assert more["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, called))


@given(st.integers(0, 10_000), st.sampled_from(WEIGHTED_METRICS))
def test_a_weight_of_two_is_the_row_twice(seed: int, key: str) -> None:
    y, scores = drawn(40, seed, models=1, digits=1)
    weights = np.random.default_rng(seed).integers(0, 4, (1, 40)).astype(float)
    weights[0, :4] = 1  # both classes stay
    weighed = weighted_value(weighted_metrics([key], y, scores[0], 0.5)[key], weights)[0]
    again = np.repeat(np.arange(40), weights[0].astype(int))
    assert weighed == pytest.approx(metric_values([key], y[again], scores[0][again], 0.5)[key])


def test_without_a_class_a_ranking_has_no_figure() -> None:
    by_key = metric_values(
        ["roc_auc", "average_precision"], np.zeros(5, np.int8), np.arange(5) / 5, 0.5
    )
    assert all(math.isnan(value) for value in by_key.values())


def test_the_bootstrap_is_the_slow_one_done_quickly() -> None:
    """The same draws, one at a time, with scikit-learn's own figures."""
    y, scores = drawn(120, 3)
    by_key = bootstrap(y, scores, [0.4, 0.5], ["average_precision", "f1", "brier"])
    rng, gaps = np.random.default_rng(SEED), []
    for _ in range(RESAMPLES // BLOCK):
        for rows in rng.integers(0, 120, (BLOCK, 120), dtype=np.int32):
            of = [sk.average_precision_score(y[rows], score[rows]) for score in scores]
            gaps.append(of[1] - of[0])
    low, high = np.quantile(gaps, [0.025, 0.975])
    average = by_key["average_precision"][0]
    assert (average.low, average.high) == (
        pytest.approx(low, abs=1e-5),
        pytest.approx(high, abs=1e-5),
    )
    for key, (result,) in by_key.items():
        plain = [
            metric_values([key], y, s, t)[key] for s, t in zip(scores, [0.4, 0.5], strict=True)
        ]
        assert result.delta == pytest.approx(plain[1] - plain[0])
        assert result.low <= result.delta <= result.high


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error() -> None:
    """Of a part of the rows, too: the spread is brought to that of all."""
    y, scores = drawn(40_000, 5)
    (result,) = bootstrap(y, scores, [0.5, 0.5], ["brier"])["brier"]
    differences = (scores[1] - y) ** 2 - (scores[0] - y) ** 2
    error = differences.std() / math.sqrt(len(y))
    assert result.n == 40_000
    assert (result.high - result.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """200 times two equally good models: about one in twenty is called different by luck."""
    wrong = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        y = (rng.random(300) < 0.4).astype(np.int8)
        scores = np.clip(0.4 + 0.2 * y + rng.normal(0, 0.25, (2, 300)), 0, 1)
        wrong += delong(y, scores)[0].significant
    assert stats.binomtest(wrong, 200, 0.05).pvalue > 0.001


def test_every_key_has_a_figure() -> None:
    y, scores = drawn(50, 2, models=1)
    assert all(
        math.isfinite(value) for value in metric_values(METRIC_KEYS, y, scores[0], 0.5).values()
    )
