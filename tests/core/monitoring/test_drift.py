"""Drift tests: the promises every one of them keeps, and what each one sees."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from pilothouse.kit.rounding import ROUNDING
from pilothouse.monitoring.drift import (
    CategoryPair,
    DriftTest,
    NotEvaluated,
    NumberPair,
    Pair,
    drift_tests,
)
from pilothouse.monitoring.profiles import (
    category_reference,
    category_window,
    number_reference,
    number_window,
)
from pilothouse.monitoring.rounding import anchors_of, snapped

values = arrays.arrays(
    np.float64,
    st.integers(1, 50),
    elements=st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6)),
)
categories_drawn = st.lists(st.sampled_from("abcde"), min_size=1, max_size=50)
TESTS = [pytest.param(test, id=name) for name, test in drift_tests.items()]


def numbers(reference: np.ndarray, current: np.ndarray) -> NumberPair:
    profile = number_reference("x", pd.Series(reference))
    return NumberPair(profile, *number_window(profile, pd.Series(current)))


def categories(reference: list[str], current: list[str]) -> CategoryPair:
    profile = category_reference("x", pd.Series(reference, dtype=object))
    return CategoryPair(profile, category_window(profile, pd.Series(current, dtype=object)))


def score(name: str, pair: Pair) -> float:
    return drift_tests.get(name).score(pair)


def test_the_built_in_tests_are_plugins() -> None:
    assert set(drift_tests.names()) >= {
        *("psi", "ks", "wasserstein", "jensen_shannon", "missing", "unseen")
    }


@pytest.mark.parametrize("test", TESTS)
@settings(max_examples=40)
@given(a=values, b=values)
def test_every_score_of_numbers_is_finite_and_zero_for_the_same(
    test: DriftTest, a: np.ndarray, b: np.ndarray
) -> None:
    if "number" not in test.kinds:
        with pytest.raises(NotEvaluated):
            test.score(numbers(a, b))
        return
    score = test.score(numbers(a, b))
    assert math.isfinite(score)
    assert score >= 0
    assert test.score(numbers(a, a)) == 0


@pytest.mark.parametrize("test", TESTS)
@settings(max_examples=40)
@given(a=categories_drawn, b=categories_drawn)
def test_every_score_of_categories_is_finite_and_zero_for_the_same(
    test: DriftTest, a: list[str], b: list[str]
) -> None:
    if "category" not in test.kinds:
        with pytest.raises(NotEvaluated):
            test.score(categories(a, b))
        return
    score = test.score(categories(a, b))
    assert math.isfinite(score)
    assert score >= 0
    assert test.score(categories(a, a)) == 0


@pytest.mark.parametrize("name", ["psi", "ks", "wasserstein", "jensen_shannon"])
def test_a_constant_scores_zero_against_itself_and_more_against_another(name: str) -> None:
    same = numbers(np.full(500, 3.0), np.full(300, 3.0))
    assert score(name, same) == 0.0
    other = numbers(np.full(500, 3.0), np.full(300, 4.0))
    assert score(name, other) > drift_tests.get(name).limits.fail
    assert math.isfinite(score(name, numbers(np.zeros(9), np.ones(9))))


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("distinct", [1, 2, 25, 400])
def test_rounding_alone_is_no_drift(test: DriftTest, distinct: int) -> None:
    if "number" not in test.kinds:
        return
    draw = np.random.default_rng(distinct)
    levels = draw.normal(size=distinct)
    reference = draw.choice(levels, 2_000)
    copies = (
        reference.astype(np.float32).astype(np.float64),  # another file format or engine
        reference * (1 + draw.choice([-1e-15, 0.0, 1e-15], 2_000)),  # a sum in another order
    )
    for copy in copies:
        for pair in (numbers(reference, copy), numbers(copy, reference), numbers(copy, copy[:900])):
            fresh = numbers(reference, reference[: len(pair.values)])
            assert test.score(pair) == pytest.approx(test.score(fresh), abs=2 / 2_000)


@given(values, st.sampled_from([0.0, 1e-15, 5e-8]))
def test_only_copies_of_a_repeated_value_are_moved(drawn: np.ndarray, noise: float) -> None:
    ordered = np.sort(drawn)
    anchors = anchors_of(ordered)
    noisy = np.sort(np.concatenate([ordered, ordered * (1 + noise)]))
    moved = snapped(noisy, anchors)
    assert (np.diff(moved) >= 0).all()
    assert (np.abs(moved - noisy) <= ROUNDING * np.abs(moved) * 1.01).all()
    assert (snapped(anchors, anchors) == anchors).all()
    assert (np.diff(anchors) > 0).all()


def test_wasserstein_is_scipys_over_the_population_deviation() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.gamma(2, 3, 4_000), rng.gamma(2.4, 3, 1_500)
    assert score("wasserstein", numbers(a, b)) == pytest.approx(
        stats.wasserstein_distance(a, b) / a.std()
    )


def test_psi_of_numbers_lies_on_the_references_deciles() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=5_000), rng.normal(0.5, 1.2, 3_000)
    edges = np.concatenate([[-np.inf], np.quantile(a, np.arange(1, 10) / 10), [np.inf]])
    p = np.histogram(a, edges)[0] / len(a)
    q = np.histogram(b, edges)[0] / len(b)
    assert score("psi", numbers(a, b)) == pytest.approx(np.sum((q - p) * np.log(q / p)), rel=1e-3)


@pytest.mark.parametrize("name", ["psi", "ks", "wasserstein", "jensen_shannon"])
def test_a_fresh_sample_is_ok_and_a_shifted_one_fails(name: str) -> None:
    rng = np.random.default_rng(7)
    reference, fresh = rng.normal(size=20_000), rng.normal(size=5_000)
    limits = drift_tests.get(name).limits
    assert limits.judge(score(name, numbers(reference, fresh))) == "ok"
    assert limits.judge(score(name, numbers(reference, fresh + 0.8))) == "fail"


def test_unseen_counts_rows_of_strangers_only() -> None:
    pair = categories(["a"] * 90 + ["b"] * 10, ["a"] * 80 + ["z"] * 20)
    assert score("unseen", pair) == pytest.approx(0.2)


def test_missing_is_the_change_of_the_rate_in_either_direction() -> None:
    half = np.where(np.arange(100) < 50, np.nan, 1.0)
    assert score("missing", numbers(np.ones(100), half)) == pytest.approx(0.5)
    assert score("missing", numbers(half, np.ones(100))) == pytest.approx(0.5)
