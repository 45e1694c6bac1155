"""Whether a classifier tells a window's rows from the reference's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pilothouse.comparison.statistics.standard_errors import standard_error
from pilothouse.comparison.statistics.time_blocks import DAY_MS
from pilothouse.models.metrics.weighted_metrics import RocAreas
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.monitoring.checks import Check
from pilothouse.monitoring.domain_classifier import NormalChance, _parts, domain_check
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.reference_profile import held_out_rows, profile_reference

SIGNATURE = Signature(
    (
        SignatureField("x", "number"),
        SignatureField("y", "number"),
        SignatureField("area", "string"),
        SignatureField("since", "time", required=False),
    ),
    "late",
    (0, 1),
    1,
)


def rows(rng: np.random.Generator, days: int, *, linked: float, whole_days: bool) -> pd.DataFrame:
    """Two normal columns with a correlation, a category, and times; of whole days, one x a day."""
    n = days * 150
    day = np.repeat(np.arange(days), 150)
    x = rng.normal(size=days)[day] if whole_days else rng.normal(size=n)
    y = linked * x + np.sqrt(1 - linked**2) * rng.normal(size=n)
    facts = {"__target": rng.integers(0, 2, n), "__score": rng.random(n)}
    at = rng.integers(0, 10_000) * DAY_MS + day * DAY_MS
    area = rng.choice(["north", "south"], n)
    return pd.DataFrame({"x": x, "y": y, "area": area, **facts, "__at": at})


def checked(reference: pd.DataFrame, window: pd.DataFrame) -> Check:
    profile = profile_reference(reference, SIGNATURE)
    sides = held_out_rows(reference, SIGNATURE), held_out_rows(window, SIGNATURE)
    return domain_check(*sides, profile, MonitorConfig())


def test_columns_that_belong_together_in_another_way_are_found() -> None:
    rng = np.random.default_rng(1)
    before = rows(rng, 30, linked=0.8, whole_days=False)
    found = checked(before, rows(rng, 14, linked=-0.8, whole_days=False))
    assert found.status == "fail"
    assert found.score is not None
    assert found.score > 0.8
    assert not found.primary


@pytest.mark.parametrize("whole_days", [False, True])
def test_unchanged_rows_are_not_told_apart(whole_days: bool) -> None:
    rng = np.random.default_rng(2)
    statuses = []
    for _ in range(12):
        before = rows(rng, 30, linked=0.5, whole_days=whole_days)
        after = rows(rng, 14, linked=0.5, whole_days=whole_days)
        statuses.append(checked(before, after).status)
    assert statuses.count("warn") + statuses.count("fail") <= 1


def test_the_error_is_that_of_delong() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 400)
    score = rng.normal(size=400) + y
    area, parts = _parts(y, score)
    assert area == pytest.approx(roc_auc_score(y, score))
    error = standard_error(RocAreas(y, [(y == 1, score)]))
    assert error is not None
    assert np.sqrt(np.square(parts).sum()) == pytest.approx(error.error, rel=0.01)


def test_the_chance_of_a_normal_score() -> None:
    chance = NormalChance(0.5, 0.01)
    assert chance.p_value(0.5196) == pytest.approx(0.025, abs=1e-3)
    assert chance.limit(0.025) == pytest.approx(0.5196, abs=1e-4)


def test_too_few_rows_or_days_say_so() -> None:
    rng = np.random.default_rng(4)
    before = rows(rng, 30, linked=0.0, whole_days=False)
    few = checked(before, rows(rng, 1, linked=0.0, whole_days=False))
    assert (few.status, few.message) == ("insufficient", "150 rows; 200 are needed")
    days = checked(before, rows(rng, 4, linked=0.0, whole_days=False))
    assert (days.status, days.score) == ("insufficient", None)
    assert days.message == "fewer than 6 days or hours to tell apart"


def test_a_monitor_tests_columns_together_when_it_is_asked_to(desk: Any) -> None:
    desk.log(desk.draw(1_500, seed=5), desk.week(0))
    plain = desk.monitoring.results(desk.evaluate(desk.week(0))["window"])
    assert "domain_classifier" not in set(plain["check"])
    desk.monitoring.monitor("late", domain_classifier=True)
    results = desk.monitoring.results(desk.evaluate(desk.week(0))["window"])
    found = results[results["check"] == "domain_classifier"].iloc[0]
    assert (found["status"], found["n_current"]) == ("ok", 1_500)
    assert 0.4 < found["score"] < 0.6


def test_rows_that_are_told_apart_without_a_fault_have_no_error() -> None:
    chance = NormalChance(0.5, 0.0)
    assert (chance.p_value(1.0), chance.p_value(0.5), chance.limit(0.01)) == (0.0, 1.0, 0.5)
