"""Rows of one day are not independent: what they are worth, and what chance then gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.limit_simulation import DEPENDENT, pair_of, weeks
from pilothouse.comparison.statistics.time_blocks import DAY_MS, HOUR_MS
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.assessment import assess
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.dependence import (
    BlockRows,
    Blocks,
    BlockSize,
    blocks_of,
    design_effects,
    intraclass,
)
from pilothouse.monitoring.drift import NumberPair, Pair, drift_tests
from pilothouse.monitoring.independent_rows import thin_counts, thin_values, thinned
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import compute_performance
from pilothouse.monitoring.reference_profile import (
    from_bytes,
    held_out_rows,
    profile_reference,
    to_bytes,
)


def test_a_share_drawn_for_each_day_has_the_correlation_of_the_beta_binomial() -> None:
    rng = np.random.default_rng(1)
    days, rows = 3_000, 50
    codes = np.repeat(np.arange(days), rows)
    marked = (rng.random(days * rows) < rng.beta(1, 9, size=days)[codes]).astype(np.int64)
    # Of a beta distribution with a and b it is 1 / (a + b + 1).
    assert intraclass(Blocks(DAY_MS, codes), marked) == pytest.approx(1 / 11, rel=0.05)
    effect = design_effects(np.histogram2d(codes, marked, bins=(days, 2))[0]).mean
    assert effect == pytest.approx(1 + (rows - 1) / 11, rel=0.05)


def test_independent_rows_have_a_design_effect_of_one() -> None:
    rng = np.random.default_rng(2)
    codes, cells = np.repeat(np.arange(500), 40), rng.integers(0, 8, 20_000)
    assert design_effects(np.histogram2d(codes, cells, bins=(500, 8))[0]).mean == pytest.approx(
        1, abs=0.05
    )
    assert intraclass(Blocks(DAY_MS, codes), cells) < 0.002


def test_one_value_a_day_makes_a_day_one_row() -> None:
    codes = np.repeat(np.arange(40), 25)
    assert intraclass(Blocks(DAY_MS, codes), codes % 4) == 1
    assert BlockRows(25, 100).effects(1.0) == (25, 100)


def test_a_column_that_never_varies_has_no_correlation() -> None:
    codes = np.repeat(np.arange(40), 25)
    assert intraclass(Blocks(DAY_MS, codes), np.zeros(1_000, dtype=np.int64)) == 0
    assert intraclass(Blocks(DAY_MS, codes), np.full(1_000, -1)) == 0


def test_blocks_are_days_or_hours_and_need_ten() -> None:
    fortnight = np.arange(14 * 24) * HOUR_MS
    days = blocks_of(fortnight)
    assert days is not None
    assert (days.length_ms, days.count, days.rows) == (DAY_MS, 14, 24)
    hours = blocks_of(fortnight[:48])
    assert hours is not None
    assert (hours.length_ms, hours.count) == (HOUR_MS, 48)
    assert blocks_of(fortnight[:9]) is None
    assert blocks_of(None) is None


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=40),
    st.floats(1, 1_000, allow_nan=False),
)
def test_thinned_counts_keep_their_total_and_their_shares(counts: list[int], effect: float) -> None:
    array = np.array(counts)
    thin = thin_counts(array, effect)
    assert thin.sum() == pytest.approx(array.sum() / effect, abs=0.51)
    assert (np.abs(thin - array / effect) <= 1.01).all()
    values = thin_values(np.arange(array.sum(), dtype=np.float64), effect)
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("rows", [["a", "b", None] * 200, [1.0, 2.0, np.nan] * 200])
def test_a_pair_is_never_thinned_to_nothing(rows: list[object]) -> None:
    pair = pair_of(rows, rows)
    thin = thinned(pair, (1e9, 1e9))
    assert (thin.reference.present, thin.window.present) == (1, 1)
    assert thinned(pair, (1.0, 1.0)) is pair
    third = thinned(pair, (3.0, 2.0))
    assert (third.reference.rows, third.reference.missing) == (200, 67)
    assert (third.window.rows, third.window.missing) == (300, 100)


def chance_of(test: str, pair: Pair, effects: tuple[float, float]) -> float:
    """How often chance gives the score of a pair whose rows are worth fewer."""
    chosen = drift_tests.get(test)
    assert chosen.chance is not None
    return chosen.chance(thinned(pair, effects)).p_value(chosen.score(pair))


def test_infinite_rows_are_worth_as_little_as_the_others() -> None:
    rows = [1.0, np.inf, np.nan] * 200
    thin = thinned(pair_of(rows, rows), (100.0, 50.0))
    assert isinstance(thin, NumberPair)
    assert (thin.reference.rows, thin.reference.missing, thin.reference.infinite) == (6, 4, 2)
    assert (thin.window.rows, thin.window.missing, thin.window.infinite) == (12, 8, 4)
    fewer = [np.inf] * 250 + [np.nan] * 150 + [1.0] * 200
    assert chance_of("infinite", pair_of(rows, fewer), (100.0, 50.0)) > 0.5


def test_a_day_without_a_sensor_is_one_row_of_the_days_that_have_one() -> None:
    """Of 30 days in the reference 10 have no value, as the only day of the window has none."""
    reference = [np.nan if day % 3 == 0 else float(day) for day in range(30) for _ in range(100)]
    pair = pair_of(reference, [np.nan] * 500)
    assert chance_of("missing", pair, (100.0, 500.0)) == pytest.approx(11 / 31)


def test_a_few_marked_rows_that_are_worth_less_than_one_are_not_called_changed() -> None:
    reference, window = [1.0] * 1_198 + [np.nan] * 2, [1.0] * 490 + [np.nan] * 10
    assert chance_of("missing", pair_of(reference, window), (100.0, 100.0)) > 0.5


def test_zeros_in_a_dry_week_are_no_constant_column() -> None:
    """A fiftieth of the reference is not 0; of 12 rows that it is worth, none is left."""
    pair = pair_of([0.0] * 1_176 + [1.0] * 24, [0.0] * 700)
    assert chance_of("constant", pair, (1.0, 1.0)) < 1e-4
    assert chance_of("constant", pair, (100.0, 100.0)) == pytest.approx(1)


@pytest.mark.parametrize("days", [12, 60])
@pytest.mark.parametrize("name", DEPENDENT)
def test_unchanged_weeks_are_not_called_changed(name: str, days: int) -> None:
    called = weeks(name, days, repeats=60, seed=days)
    assert called["fail"] <= 1
    assert called["fail"] + called["warn"] <= 4


@pytest.mark.parametrize(
    ("name", "shift"), [("independent", 0.2), ("2 % of the variance is the day's", 0.5)]
)
def test_changed_weeks_are_called_changed(name: str, shift: float) -> None:
    called = weeks(name, 12, repeats=40, seed=3, shift=shift)
    assert called["fail"] + called["warn"] >= 38


def test_weather_of_a_week_is_no_drift_and_a_broken_sensor_is() -> None:
    rng = np.random.default_rng(5)
    inputs = (SignatureField("weather", "number"), SignatureField("load", "number"))
    signature = Signature(inputs, "late", (0, 1), 1)

    def rows(days: int, first: int) -> pd.DataFrame:
        at = first * DAY_MS + np.arange(days * 100) * (DAY_MS // 100)
        weather = np.repeat(rng.normal(size=days), 100)
        load, score = rng.normal(size=(2, len(at)))
        own = {"__target": rng.integers(0, 2, len(at)), "__score": 1 / (1 + np.exp(score))}
        return pd.DataFrame({"weather": weather, "load": load, **own, "__at": at})

    def statuses(frame: pd.DataFrame) -> dict[str, Check]:
        window = held_out_rows(frame, signature)
        performance = compute_performance(signature, window.outputs, window.truth)
        made = assess(reference, window, MonitorConfig(), signature, performance)
        return {check.column: check for check in made.primaries}

    reference = from_bytes(to_bytes(profile_reference(rows(28, 0), signature)))
    assert reference.blocks == BlockSize(DAY_MS, 100)
    assert reference.columns["weather"].intraclass > 0.9
    assert reference.columns["load"].intraclass < 0.02

    checks = statuses(rows(7, 28))
    assert checks["weather"].status == "insufficient"
    assert "700 are worth 7" in checks["weather"].message
    assert (checks["weather"].n_current, checks["weather"].n_independent) == (700, 7)
    assert checks["load"].status == "ok"
    assert (
        statuses(rows(7, 35).assign(load=lambda frame: frame["load"] * 3))["load"].status == "fail"
    )
