"""The deciding metric of the last windows together: small falls are found, one bad week is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.limit_simulation import slow_declines
from pilothouse.monitoring.checks import OK, PERFORMANCE, RECENT_PERFORMANCE, WARN, Check
from pilothouse.monitoring.recent_checks import MeasuredWindow, recent_checks


def auc(score: float, error: float = 0.004) -> Check:
    """A window's ROC AUC against a reference of .9, which fails below .85."""
    return Check(
        PERFORMANCE,
        "roc_auc",
        "",
        "realised",
        OK,
        "below",
        score=score,
        warn=0.895,
        threshold=0.85,
        reference=0.9,
        n_current=5_000,
        primary=True,
        standard_error=error,
        reference_error=0.001,
    )


def window(value: float, error: float = 0.004) -> MeasuredWindow:
    return MeasuredWindow(value, error, 5_000)


def test_windows_are_averaged_by_their_precision() -> None:
    (check,) = recent_checks([auc(0.892)], [window(0.8945, 0.002)], is_enough=True)
    assert check.score == pytest.approx((0.892 + 4 * 0.8945) / 5)  # one over .004² and .002²
    assert check.standard_error == pytest.approx(1 / np.sqrt(1 / 0.004**2 + 1 / 0.002**2))
    assert (check.signal, check.status, check.n_current) == (RECENT_PERFORMANCE, WARN, 10_000)
    assert check.method == "weighted mean of the last 2 windows"


def test_a_fall_that_chance_hides_in_each_window_shows_in_all_of_them() -> None:
    (two,) = recent_checks([auc(0.8935)], [window(0.8935)], is_enough=True)
    (eight,) = recent_checks([auc(0.8935)], [window(0.8935)] * 20, is_enough=True)
    assert (two.status, eight.status) == (OK, WARN)
    assert eight.n_current == 8 * 5_000


def test_one_bad_window_counts_as_much_as_chance_explains() -> None:
    bad = [window(0.9), window(0.6), *[window(0.9)] * 5]
    (check,) = recent_checks([auc(0.9)], bad, is_enough=True)
    assert check.status == OK
    assert check.score is not None
    assert check.score > 0.895


def test_two_windows_with_enough_labels_are_needed() -> None:
    assert recent_checks([auc(0.8)], [], is_enough=True) == []
    assert recent_checks([auc(0.8)], [window(0.8)], is_enough=False) == []
    assert recent_checks([], [window(0.8)], is_enough=True) == []


def test_a_fall_of_a_hundredth_is_found_within_eight_weeks() -> None:
    single, together, within = slow_declines(0.9, 0.01, 5_000, 10_000, 8, repeats=20, seed=1)
    assert single < 0.5
    assert together > 0.6
    assert within >= 0.7
    _, together, within = slow_declines(0.9, 0.0, 5_000, 10_000, 8, repeats=20, seed=2)
    assert together <= 1 / 20
    assert within <= 2 / 20


def recent(desk: Any, week: int) -> Any:
    desk.log(desk.draw(600, seed=week), desk.week(week))
    results = desk.monitoring.results(desk.evaluate(desk.week(week))["window"])
    return results[results["signal"] == RECENT_PERFORMANCE]


def primary(desk: Any, window: str) -> pd.DataFrame:
    results = desk.monitoring.results(window)
    return results[(results["signal"] == PERFORMANCE) & results["primary"]]


def test_a_window_is_judged_with_those_before_it(desk: Any) -> None:
    assert recent(desk, 0).empty
    desk.log(desk.draw(100, seed=9), desk.week(1))  # too few labels
    desk.evaluate(desk.week(1))
    third = recent(desk, 2)
    assert third["method"].item() == "weighted mean of the last 2 windows"
    assert third["n_current"].item() == 1_200
    windows = desk.monitoring.windows("late").sort_values("start")["id"]
    deciding = pd.concat([primary(desk, window) for window in windows.iloc[[0, 2]]])
    mean = np.average(deciding["score"], weights=deciding["standard_error"] ** -2.0)
    assert third["score"].item() == pytest.approx(mean, abs=1e-12)
    trend = desk.monitoring.trend("late", "roc_auc")
    assert set(trend["signal"]) == {PERFORMANCE}
