"""What chance gives, against scipy and against rows that are dealt out one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.limit_simulation import pair_of
from pilothouse.monitoring.chance import (
    Chance,
    area_chance,
    benjamini_hochberg,
    chi_square,
    deals,
    of_deals,
    share_chance,
)
from pilothouse.monitoring.distances import kolmogorov_smirnov, merge, psi, wasserstein
from pilothouse.monitoring.drift import drift_tests

levels = st.floats(1e-5, 0.5)


@given(st.integers(2, 60), st.integers(50, 10**6), st.integers(50, 10**6), levels)
def test_chi_square_is_scipys(cells: int, n: int, m: int, level: float) -> None:
    chance = chi_square(cells, n, m)
    limit = stats.chi2.isf(level, cells - 1) * (1 / n + 1 / m)
    assert chance.limit(level) == pytest.approx(limit, rel=1e-6)
    assert chance.p_value(limit) == pytest.approx(level, rel=1e-5)


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_the_chance_of_two_shares_is_that_of_the_hypergeometric_distribution(
    n: int, m: int, data: st.DataObject
) -> None:
    after, before = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    gap = abs(after / n - before / m)
    x = np.arange(0, n + 1)
    gaps = np.abs(x / n - (after + before - x) / m)
    expected = stats.hypergeom(n + m, after + before, n).pmf(x)[gaps >= gap - 1e-12].sum()
    chance = share_chance(before, m, after, n)
    assert chance.p_value(gap) == pytest.approx(min(expected, 1), rel=1e-6, abs=1e-12)
    limit = chance.limit(0.01)
    assert chance.p_value(limit + 1e-9) <= 0.01


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.001, 0.2))
def test_columns_judged_together_are_those_of_scipys_false_discovery_control(
    p_values: list[float], rate: float
) -> None:
    level = benjamini_hochberg(p_values, rate)
    adjusted = stats.false_discovery_control(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        if abs(q - rate) > 1e-9:
            assert (p <= level) == (q <= rate)


def test_the_tail_of_dealt_scores_is_pearsons_type_three() -> None:
    scores = np.random.default_rng(1).gamma(3, 2, 5_000)
    oracle = stats.pearson3(stats.skew(scores), scores.mean(), scores.std())
    chance = of_deals(scores)
    assert chance.limit(0.001) == pytest.approx(oracle.isf(0.001), rel=1e-9)
    assert chance.p_value(30.0) == pytest.approx(oracle.sf(30.0), rel=1e-9)


def test_dealt_counts_are_rows_dealt_out() -> None:
    rng = np.random.default_rng(2)
    before, after = np.array([300, 150, 50, 3]), np.array([60, 30, 8, 2])
    rows = np.repeat(np.arange(4), before + after)
    by_row = []
    for _ in range(3_000):
        rng.shuffle(rows)
        window = np.bincount(rows[:100], minlength=4)
        by_row.append(psi(before + after - window, window))
    reference, window = deals(before, after)
    dealt = [psi(b, a) for b, a in zip(reference, window, strict=True)]
    assert (reference + window == before + after).all()
    assert np.mean(dealt) == pytest.approx(np.mean(by_row), rel=0.1)
    assert of_deals(np.array(dealt)).limit(0.01) == pytest.approx(
        np.quantile(by_row, 0.99), rel=0.15
    )


@pytest.mark.parametrize("heavy", [False, True])
def test_the_area_by_chance_is_that_of_rows_dealt_out(heavy: bool) -> None:
    rng = np.random.default_rng(3)
    draw = (lambda n: rng.standard_t(2, n)) if heavy else (lambda n: rng.normal(size=n))
    values = draw(1_500)
    chance = area_chance(merge(np.sort(values[300:]), np.sort(values[:300])), 300, 1_200, 1.0)
    areas = []
    for _ in range(2_000):
        rng.shuffle(values)
        areas.append(wasserstein(merge(np.sort(values[300:]), np.sort(values[:300]))))
    for level in (0.5, 0.05, 0.01):
        assert chance.limit(level) == pytest.approx(np.quantile(areas, 1 - level), rel=0.1)


def test_kolmogorov_is_scipys() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=900), rng.normal(0.1, 1, 400)
    pair = pair_of(a, b)
    chance = drift_tests.get("ks").chance
    assert chance is not None
    d = kolmogorov_smirnov(merge(np.sort(a), np.sort(b)))
    oracle = stats.kstwobign.sf(d * np.sqrt(900 * 400 / 1300))
    assert chance(pair).p_value(d) == pytest.approx(oracle)


@pytest.mark.parametrize(("name", "test"), drift_tests.items())
def test_every_limit_is_the_score_with_that_p_value(name: str, test: object) -> None:
    rng = np.random.default_rng(5)
    draws = {
        "numbers": (rng.normal(size=3_000), rng.normal(size=700)),
        "holes": (rng.choice([1.0, 2.0, np.nan], 3_000), rng.choice([1.0, 2.0, np.nan], 700)),
        "categories": (rng.choice(list("abcdefgh"), 3_000), rng.choice(list("abcdefgh"), 700)),
    }
    for reference, window in draws.values():
        pair = pair_of(reference, window)
        if pair.reference.kind not in test.kinds:  # type: ignore[attr-defined]
            continue
        chance: Chance = test.chance(pair)  # type: ignore[attr-defined]
        limits = [chance.limit(level) for level in (0.2, 0.05, 0.01, 0.001)]
        assert limits == sorted(limits)
        assert chance.p_value(0.0) > 0.99
        assert all(chance.p_value(limit + 1e-9) <= 0.2 for limit in limits)
        assert chance.method
