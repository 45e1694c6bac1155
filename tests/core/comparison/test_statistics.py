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
from pilothouse.comparison.statistics.bootstrap import (
    BLOCK,
    RESAMPLES,
    SEED,
    Clusters,
    blocks_of,
    bootstrap,
    days_of,
    groups_of,
    sampled_rows,
)
from pilothouse.comparison.statistics.delong import delong, midranks
from pilothouse.comparison.statistics.mcnemar import mcnemar, p_of
from pilothouse.comparison.statistics.paired import Sample, paired_tests
from pilothouse.comparison.statistics.time_blocks import DAY_MS, HOUR_MS
from pilothouse.models.metrics.weighted_metrics import RocAreas, mean_of, share_of
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


def areas(y: Any, scores: Any) -> list[RocAreas]:
    return [RocAreas(y.astype(int), [(y == 1, score)]) for score in scores]


def made(y: Any, scores: Any, thresholds: Any) -> list[Any]:
    """The metrics of each model."""
    task = tasks.get("binary")
    return [
        task.measures(
            Signature((), "y", (0, 1), 1, threshold=threshold), {"score": score}, y.astype(float)
        )
        for score, threshold in zip(scores, thresholds, strict=True)
    ]


@given(st.integers(0, 10_000), st.integers(8, 60), st.integers(1, 3))
def test_the_difference_of_areas_is_that_of_delongs_own_formula(
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
    covariance = s10 / positive.shape[1] + s01 / negative.shape[1]
    for at, result in enumerate(delong(areas(y, scores)), start=1):
        variance = covariance[0, 0] + covariance[at, at] - 2 * covariance[0, at]
        assert result.delta == pytest.approx(expected[at] - expected[0], abs=1e-12)
        reach = stats.norm.ppf(0.975) * math.sqrt(max(variance, 0))
        assert result.high - result.delta == pytest.approx(reach, abs=1e-7)
        if variance > 1e-12:
            p = 2 * stats.norm.sf(abs(result.delta) / math.sqrt(variance))
            assert result.p == pytest.approx(p, abs=1e-9)


def test_the_mean_of_areas_varies_as_a_resample_within_classes_does() -> None:
    """One against rest of three classes, against 3,000 resamples with scikit-learn's own AUC."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    models = []
    for noise in (0.8, 1.1):
        logits = np.eye(3)[y] + rng.normal(0, noise, (240, 3))
        models.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    given_areas = [RocAreas(y, [(y == k, p[:, k]) for k in range(3)]) for p in models]
    (result,) = delong(given_areas)
    whole = [sk.roc_auc_score(y, p, multi_class="ovr") for p in models]
    assert result.delta == pytest.approx(whole[1] - whole[0])

    rows_of = [np.flatnonzero(y == k) for k in range(3)]
    weights = np.zeros((3000, 240))
    for draw in weights:
        for rows in rows_of:
            np.add.at(draw, rng.choice(rows, len(rows)), 1)
    gaps = given_areas[1].values(weights) - given_areas[0].values(weights)
    error = (result.high - result.delta) / stats.norm.ppf(0.975)
    assert error == pytest.approx(gaps.std(), rel=0.06)


def test_a_model_held_against_itself_is_noise() -> None:
    y, scores = drawn(300, 1, models=1)
    (result,) = delong(areas(y, np.repeat(scores, 2, axis=0)))
    assert (result.delta, result.p, result.significant) == (0.0, 1.0, False)
    twice = made(y, np.repeat(scores, 2, axis=0), [0.5, 0.5])
    same = bootstrap(twice, ["f1"])["f1"][0]
    assert (same.delta, same.low, same.high, same.significant) == (0.0, 0.0, 0.0, False)


def test_delong_says_nothing_where_a_class_is_too_rare() -> None:
    y = np.array([1, 0, 0, 0], np.int8)
    assert delong(areas(y, np.random.default_rng(0).random((2, 4)))) == []


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


def test_the_bootstrap_is_the_slow_one_done_quickly() -> None:
    """The same draws, one at a time, with scikit-learn's own figures."""
    y, scores = drawn(120, 3)
    models = made(y, scores, [0.4, 0.5])
    by_key = bootstrap(models, ["average_precision", "f1", "brier"])
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
        plain = [model[key]().value() for model in models]
        assert result.delta == pytest.approx(plain[1] - plain[0])
        assert result.low <= result.delta <= result.high


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error() -> None:
    """Of a part of the rows, too: the spread is brought to that of all."""
    y, scores = drawn(40_000, 5)
    rows, share = sampled_rows(len(y)) or ([], 1.0)
    models, sample = (made(y[r], scores[:, r], [0.5, 0.5]) for r in (slice(None), rows))
    (result,) = bootstrap(models, ["brier"], sampled=sample, share=share)["brier"]
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
        wrong += delong(areas(y, scores))[0].significant
    assert stats.binomtest(wrong, 200, 0.05).pvalue > 0.001


def test_the_kind_of_a_metric_decides_its_test() -> None:
    y, scores = drawn(200, 4)
    models = made(y, scores, [0.5, 0.5])
    results = paired_tests(models, list(models[0]))
    assert set(results) == set(models[0])
    method = {key: result[0].method for key, result in results.items()}
    assert (method["roc_auc"], method["accuracy"]) == ("delong", "mcnemar")
    assert {method[key] for key in method if key not in ("roc_auc", "accuracy")} == {"bootstrap"}
    right = [(score >= 0.5) == (y == 1) for score in scores]
    assert results["accuracy"][0] == mcnemar(right[1], right[0])


def test_rows_of_one_group_are_drawn_together() -> None:
    """Twenty copies of 60 rows: as uncertain as the 60, where rows alone would look certain."""
    rng = np.random.default_rng(1)
    once = rng.normal(1, 1, (2, 60))
    groups = np.repeat(np.arange(60), 20)
    models = [{"mae": lambda cost=cost: mean_of(cost)} for cost in np.repeat(once, 20, axis=1)]
    (grouped,) = paired_tests(models, ["mae"], groups_of(groups))["mae"]
    (alone,) = paired_tests(models, ["mae"])["mae"]
    expected = stats.ttest_rel(once[1], once[0]).confidence_interval()
    assert (grouped.method, grouped.unit, grouped.n) == ("bootstrap_groups", "groups", 60)
    width = grouped.high - grouped.low
    assert width == pytest.approx(expected.high - expected.low, rel=0.12)
    assert (alone.high - alone.low) * math.sqrt(20) == pytest.approx(width, rel=0.15)


def test_shares_and_areas_of_grouped_rows_are_resampled_too() -> None:
    y, scores = drawn(400, 2)
    groups = groups_of(np.repeat(np.arange(40), 10))
    results = paired_tests(made(y, scores, [0.5, 0.5]), ["roc_auc", "accuracy"], groups)
    assert {result.method for (result,) in results.values()} == {"bootstrap_groups"}
    assert {result.n for (result,) in results.values()} == {40}


def test_blocks_hold_rows_that_follow_each_other_and_those_of_one_instant() -> None:
    at = np.random.default_rng(0).permutation(np.repeat(np.arange(500), 2))
    blocks = blocks_of(at)
    assert blocks.unit == "blocks"
    assert blocks.count == pytest.approx(100, abs=2), "of about ten rows of a thousand"
    for instant in (0, 250, 499):
        assert len(set(blocks.codes[at == instant])) == 1
    order = np.argsort(at, kind="stable")
    assert (np.diff(blocks.codes[order]) >= 0).all()


def test_blocks_of_many_rows_are_days_or_hours() -> None:
    at = np.sort(np.random.default_rng(1).integers(0, 30 * DAY_MS, 3_000))
    assert blocks_of(at).codes.tolist() == (at // DAY_MS).tolist()
    assert days_of(at).codes.tolist() == (at // DAY_MS).tolist()
    assert blocks_of(at // 30).codes.tolist() == (at // 30 // HOUR_MS).tolist()
    assert (blocks_of(at).unit, days_of(at).unit) == ("blocks", "days")


def test_errors_that_follow_each_other_widen_the_interval() -> None:
    """An autoregressive series: the error of its mean by statsmodels' long-run variance."""
    from statsmodels.regression.linear_model import OLS

    rng, rows = np.random.default_rng(5), 2000
    gap = np.zeros(rows)
    for row in range(1, rows):
        gap[row] = 0.5 * gap[row - 1] + rng.normal()
    models = [{"mae": lambda cost=cost: mean_of(cost)} for cost in (np.zeros(rows), gap)]
    (result,) = paired_tests(models, ["mae"], blocks_of(np.arange(rows)))["mae"]
    fitted = OLS(gap, np.ones(rows)).fit(cov_type="HAC", cov_kwds={"maxlags": 12})
    error = (result.high - result.low) / (2 * stats.norm.ppf(0.975))
    assert result.method == "bootstrap_blocks"
    assert error == pytest.approx(float(fitted.bse[0]), rel=0.15)
    assert error > 1.4 * gap.std() / math.sqrt(rows)


def test_too_few_groups_are_no_test() -> None:
    models = [{"mae": lambda cost=cost: mean_of(cost)} for cost in np.ones((2, 90))]
    assert paired_tests(models, ["mae"], Clusters(np.arange(90) // 30, "groups")) == {}


def test_of_many_grouped_rows_whole_groups_are_drawn() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(3000), 10)
    clusters = Clusters(codes, "groups")
    rows, share = sampled_rows(len(codes), clusters) or ([], 1.0)
    assert len(rows) == 10_000
    assert set(np.bincount(codes[rows], minlength=3000)) == {0, 10}
    cost = rng.normal(0, 1, (2, 3000)).repeat(10, axis=1)
    whole, part = (
        [{"mae": lambda cost=values[at]: mean_of(cost)} for values in cost]
        for at in (slice(None), rows)
    )
    (result,) = paired_tests(whole, ["mae"], clusters, Sample(part, rows, share))["mae"]
    error = (cost[1] - cost[0])[::10].std() / math.sqrt(3000)
    assert result.n == 3000
    assert (result.high - result.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)


def test_a_metric_that_a_model_lacks_is_not_tested() -> None:
    flags = np.arange(50) % 2 == 0
    models = [{"accuracy": lambda: share_of(flags)}, {}]
    assert paired_tests(models, ["accuracy"]) == {}
