"""A promise against live windows: the interval by another way, and how often it errs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from pilothouse.governance.promise import (
    CONTRADICTED,
    FULFILLED,
    UNDECIDED,
    LiveWindow,
    Promise,
    half_width,
    pooled,
    scatter,
    verify,
)

WEEKS, ROUNDS = 40, 120


def drawn(rng: np.random.Generator, rows: int, days: int, share: float, spread: float):
    """The share of right answers in rows whose days differ, with the error of independent rows."""
    right = rng.binomial(rows // days, np.clip(share + rng.normal(0, spread, days), 0, 1))
    value = right.sum() / (rows // days * days)
    return float(value), float(np.sqrt(value * (1 - value) / rows)), rows


def shares(fall: float, spread: float, *, seed: int) -> dict[str, float]:
    """How often a promised accuracy of .75 is called what, looked at every week."""
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(ROUNDS):
        value, error, _ = drawn(rng, 2_000, 30, 0.75, spread)
        windows = [LiveWindow(*drawn(rng, 700, 7, 0.75 - fall, spread)) for _ in range(WEEKS)]
        states.append(verify(Promise(value, error, higher_is_better=True), windows).state)
    return {state: states.count(state) / ROUNDS for state in set(states)}


@pytest.mark.parametrize("spread", [0.0, 0.03])
def test_a_promise_that_holds_is_contradicted_in_at_most_five_of_a_hundred(spread: float) -> None:
    states = shares(0.0, spread, seed=7)
    assert states.get(CONTRADICTED, 0.0) <= 0.05
    assert states[FULFILLED] > 0.5


def test_a_fall_is_found_and_a_small_one_is_not_called_what_it_is_not() -> None:
    assert shares(0.05, 0.0, seed=8)[CONTRADICTED] > 0.9
    assert shares(0.05, 0.03, seed=8)[CONTRADICTED] > 0.7
    assert shares(-0.02, 0.03, seed=9)[FULFILLED] > 0.9


def test_the_interval_is_where_the_mixture_of_likelihoods_reaches_its_limit() -> None:
    """By another way: the largest deviation whose Bayes factor, integrated, is below 1/level."""
    first, error, level = 0.02, 0.007, 0.05
    log = np.log(1 / level)
    prior = 1 / np.sqrt(first**-2 / (2 * log + np.log(1 + 2 * log)))
    grid = np.linspace(-8 * prior, 8 * prior, 20_001)

    def factor(deviation: float) -> float:
        ratio = np.exp((grid * deviation - grid**2 / 2) / error**2)
        return float(np.trapezoid(ratio * stats.norm.pdf(grid, 0, prior), grid))

    edge = optimize.brentq(lambda width: np.log(factor(width)) - log, 1e-4, 0.2)
    assert half_width(error, first) == pytest.approx(edge, rel=1e-4)


def test_the_pooled_figure_is_that_of_all_rows_and_its_error_theirs() -> None:
    rng = np.random.default_rng(3)
    rows = [rng.normal(0.7, 0.4, count) for count in (300, 500, 900)]
    windows = [
        LiveWindow(float(r.mean()), float(r.std(ddof=1) / np.sqrt(len(r))), len(r)) for r in rows
    ]
    value, error = pooled(windows)
    together = np.concatenate(rows)
    assert value == pytest.approx(together.mean())
    assert error >= together.std(ddof=1) / np.sqrt(len(together)) * 0.95
    statistic = sum(((w.value - _mean(windows)) / w.error) ** 2 for w in windows)
    assert scatter(windows) == pytest.approx(max(1.0, statistic / stats.chi2.ppf(0.1, 2)))


def _mean(windows: list[LiveWindow]) -> float:
    weights = [w.error**-2 for w in windows]
    return float(np.average([w.value for w in windows], weights=weights))


def test_the_floor_is_the_pessimistic_end_of_the_gain_less_the_error_of_its_rows() -> None:
    better = Promise(0.745, 0.01, True, champion=0.74, low=0.001, high=0.009)
    assert better.gain == pytest.approx(0.005)
    assert better.floor == pytest.approx(0.74 + 0.001 - 1.96 * 0.01)
    lower = Promise(12.0, 0.5, False, champion=13.0, low=-1.8, high=-0.2)
    assert lower.floor == pytest.approx(13.0 - 0.2 + 1.96 * 0.5)
    assert Promise(0.8, 0.02, True).floor == pytest.approx(0.8 - 1.96 * 0.02)


def test_an_error_that_is_smaller_than_promised_is_good_and_a_larger_one_is_not() -> None:
    promise = Promise(10.0, 0.2, higher_is_better=False)
    windows = [LiveWindow(value, 0.1, 500) for value in (9.0, 9.1, 8.9, 9.0)]
    assert verify(promise, windows).state == FULFILLED
    worse = [LiveWindow(value + 3, 0.1, 500) for value in (9.0, 9.1, 8.9, 9.0)]
    verification = verify(promise, worse)
    assert (verification.state, verification.look) == (CONTRADICTED, 3)
    assert verify(promise, worse[:2]).state == UNDECIDED


def test_what_was_contradicted_once_stays_so() -> None:
    promise = Promise(0.8, 0.005, higher_is_better=True)
    bad = [LiveWindow(value, 0.01, 500) for value in (0.7, 0.71, 0.7)]
    good = [LiveWindow(0.95, 0.01, 500)] * 3
    assert verify(promise, [*bad, *good]).state == CONTRADICTED
