"""Distances against published figures, against scipy, and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.spatial import distance

from pilothouse.monitoring.distances import (
    FLOOR,
    jensen_shannon,
    kolmogorov_smirnov,
    merge,
    psi,
    wasserstein,
)

P, Q = (10, 20, 30, 40), (25, 25, 25, 25)
counts = st.integers(1, 12).flatmap(
    lambda cells: st.tuples(*[arrays.arrays(np.int64, cells, elements=st.integers(0, 10_000))] * 2)
)
# Few distinct values make ties, many make none: both happen.
numbers = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e6, 1e6, allow_subnormal=False))
# scipy divides by zero on two samples of one value each.
samples = arrays.arrays(np.float64, st.integers(2, 60), elements=numbers).map(np.sort)


def test_hand_checked_figures() -> None:
    assert psi(P, Q) == pytest.approx(0.22821740957, abs=1e-11)
    assert jensen_shannon(P, Q) == pytest.approx(0.20050332253, abs=1e-11)
    assert jensen_shannon([1, 0], [1, 1]) == pytest.approx(0.4645014 / np.sqrt(np.log(2)), abs=1e-7)
    apart = merge(np.array([0.0, 1, 3]), np.array([5.0, 6, 8]))
    assert wasserstein(apart) == pytest.approx(5)
    half = merge(np.arange(10.0), np.arange(5.0, 15.0))
    assert kolmogorov_smirnov(half) == 0.5


def test_disjoint_and_equal_are_the_ends_of_the_scale() -> None:
    assert jensen_shannon([4, 0], [0, 9]) == 1.0
    assert jensen_shannon(P, P) == 0.0
    assert psi(P, P) == 0.0
    assert psi([1, 0], [0, 1]) == pytest.approx(2 * (1 - FLOOR) * np.log(1 / FLOOR))


@given(counts)
def test_jensen_shannon_is_scipys_to_base_two(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    computed = jensen_shannon(p, q)
    assert 0 <= computed <= 1
    if p.sum() and q.sum():
        assert computed == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-7)


@given(counts)
def test_psi_is_finite_symmetric_and_zero_only_of_equals(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    p, q = pair
    assert np.isfinite(psi(p, q))
    assert psi(p, q) >= 0
    assert psi(p, q) == pytest.approx(psi(q, p))
    assert psi(p, 3 * p) == pytest.approx(0, abs=1e-12)


@given(samples, samples)
def test_merged_sort_gives_scipys_distances(a: np.ndarray, b: np.ndarray) -> None:
    merged = merge(a, b)
    assert kolmogorov_smirnov(merged) == pytest.approx(
        stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12
    )
    assert wasserstein(merged) == pytest.approx(
        stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-9
    )


@given(samples, samples)
def test_values_at_ranks_are_those_of_both_samples_in_order(a: np.ndarray, b: np.ndarray) -> None:
    both = np.sort(np.concatenate([a, b]))
    assert (merge(a, b).values_at(np.arange(len(both))) == both).all()


@given(samples)
def test_a_sample_is_at_no_distance_from_itself(a: np.ndarray) -> None:
    merged = merge(a, a.copy())
    assert kolmogorov_smirnov(merged) == 0
    assert wasserstein(merged) == 0
