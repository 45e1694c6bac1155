"""The intervals of rollouts hold at every look, and agree with what others compute."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from pilothouse.deployments.analysis.confidence_sequences import (
    distribution_band,
    distribution_distance,
    mean_difference,
    mixture_half_width,
    percentile_interval,
    share,
    share_difference,
)
from pilothouse.deployments.analysis.sample_ratio import check_sample_ratio
from pilothouse.deployments.analysis.traffic_needed import requests_for_share, values_for_mean

LOOKS = np.unique(np.geomspace(20, 5_000, 40).astype(int))


def test_the_ends_of_a_share_are_where_the_integrated_mixture_is_one_over_the_level() -> None:
    hits, trials, level = 7, 120, 0.05
    interval = share(hits, trials, level)

    def wealth(candidate: float) -> float:
        def integrand(p: float) -> float:
            return float(stats.beta.pdf(p, 0.5, 0.5) * stats.binom.pmf(hits, trials, p))

        mixture, _ = integrate.quad(integrand, 0, 1, limit=200)
        return float(mixture / stats.binom.pmf(hits, trials, candidate))

    assert wealth(interval.low) == pytest.approx(1 / level, rel=1e-4)
    assert wealth(interval.high) == pytest.approx(1 / level, rel=1e-4)


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.001, 0.01, 0.05]))
def test_a_share_lies_in_its_interval_which_is_wider_than_that_of_one_look(
    hits: int, misses: int, level: float
) -> None:
    trials = hits + misses
    interval = share(hits, trials, level)
    assert 0 <= interval.low <= interval.high <= 1
    if trials:
        assert interval.low <= hits / trials <= interval.high
        exact = stats.binomtest(hits, trials).proportion_ci(1 - level, "exact")
        assert interval.low <= exact.low + 1e-9
        assert interval.high >= exact.high - 1e-9


def test_a_share_is_in_its_interval_at_all_looks_together() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(400):
        hits = (rng.random(LOOKS[-1]) < 0.03).cumsum()
        ends = [share(int(hits[n - 1]), int(n), 0.05) for n in LOOKS]
        missed += any(not end.low <= 0.03 <= end.high for end in ends)
    assert missed / 400 <= 0.05


def test_two_equal_means_are_told_apart_in_at_most_the_level_of_all_looks() -> None:
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(400):
        first, second = rng.exponential(size=(2, LOOKS[-1]))
        looks = (mean_difference(first[:n], second[:n], 0.05) for n in LOOKS)
        wrong += any(not interval.low <= 0 <= interval.high for interval in looks)
    assert wrong / 400 <= 0.05


def test_the_mixture_of_means_is_the_likelihood_ratio_of_two_normals() -> None:
    variance, prior, level = 0.004, 0.01, 0.05
    half = mixture_half_width(variance, prior, level)
    ratio = stats.norm.pdf(half, scale=math.sqrt(variance + prior)) / stats.norm.pdf(
        half, scale=math.sqrt(variance)
    )
    assert ratio == pytest.approx(1 / level)


@pytest.mark.parametrize("at", [0.5, 0.95, 0.99])
def test_a_quantile_is_in_its_interval_at_all_looks_together(at: float) -> None:
    rng = np.random.default_rng(3)
    true = math.exp(stats.norm.ppf(at))
    missed = 0
    for _ in range(200):
        values = rng.lognormal(size=LOOKS[-1])
        ends = [percentile_interval(values[:n], at, 0.05) for n in LOOKS]
        missed += any(not end.low <= true <= end.high for end in ends)
    assert missed / 200 <= 0.05


def test_two_samples_of_one_distribution_are_at_most_their_bands_apart() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        first, second = rng.normal(size=(2, 1_000))
        interval = distribution_distance(first, second, 0.05)
        assert interval.estimate == pytest.approx(stats.ks_2samp(first, second).statistic)
        assert interval.low == 0
    assert distribution_band(0, 0.05) == 1
    apart = distribution_distance(np.zeros(2_000), np.ones(2_000), 0.05)
    assert apart.estimate == 1
    assert apart.low > 0.8


def test_values_that_differ_by_rounding_only_are_no_distance() -> None:
    draw = np.random.default_rng(5)
    for values in (np.full(400, 0.000957), draw.choice([0.1, 0.25, 0.7, -3.3], 400)):
        for noise in (1e-15, 5e-8):
            copy = values * (1 + draw.choice([-noise, 0.0, noise], 400))
            assert distribution_distance(values, copy, 0.05).estimate == 0
            assert distribution_distance(copy, values, 0.05).estimate == 0
    apart = distribution_distance(np.full(400, 0.5), np.full(400, 0.500001), 0.05)
    assert apart.estimate == 1


def test_nothing_is_known_without_observations() -> None:
    empty = np.empty(0)
    assert (share(0, 0, 0.05).low, share(0, 0, 0.05).high) == (0, 1)
    assert mean_difference(empty, empty, 0.05).high == math.inf
    assert percentile_interval(empty, 0.5, 0.05).low == -math.inf
    assert share_difference((0, 0), (5, 10), 0.05).low <= 0


def test_a_split_that_holds_is_no_mismatch_at_any_look_and_a_wrong_one_is_found() -> None:
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(300):
        first = (rng.random(LOOKS[-1]) < 0.1).cumsum()
        false += any(
            check_sample_ratio((int(first[n - 1]), int(n - first[n - 1])), (0.1, 0.9)).is_mismatch
            for n in LOOKS
        )
    assert false == 0
    wrong = check_sample_ratio((1_400, 8_600), (0.1, 0.9))
    assert wrong.is_mismatch
    assert check_sample_ratio((0, 10, 1), (0.5, 0.5, 0.0)).is_mismatch
    with pytest.raises(ValueError, match="add up"):
        check_sample_ratio((1, 2), (0.5, 0.6))


def test_the_traffic_needed_suffices_and_a_tenth_less_does_not() -> None:
    needed = requests_for_share(0.01, 0.02, 0.01)
    assert needed is not None
    for count, is_enough in ((needed, True), (int(needed * 0.9), False)):
        hits = round(0.01 * count)
        assert (share_difference((hits, count), (hits, count), 0.01).high <= 0.02) is is_enough
    values = values_for_mean(0.1, 0.05)
    assert values is not None
    assert mixture_half_width(2 / values, 0.01, 0.05) <= 0.1
    assert requests_for_share(0.5, 1e-6, 0.01) is None
