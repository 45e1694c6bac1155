"""Segments that changed most, and two rows that show a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from harness.task_windows import CASES, begin
from harness.task_windows import draw as draw_task
from pilothouse.monitoring.example_rows import example_rows
from pilothouse.monitoring.performance import monitored_metrics
from pilothouse.monitoring.segments import (
    MAX_SEGMENTS,
    MIN_ROWS,
    SegmentedReference,
    changed_segments,
    segmented_reference,
)
from pilothouse.monitoring.window_rows import WindowRows


def rows_of(frame: pd.DataFrame) -> WindowRows:
    truth = frame["late"].to_numpy(dtype=np.float64)
    return WindowRows(frame, {"score": frame["score"].to_numpy()}, truth)


@pytest.fixture
def reference(desk: Any) -> SegmentedReference:
    metric = monitored_metrics(desk.signature, {})[0]
    return segmented_reference(rows_of(desk.draw(6_000, seed=1)), desk.signature, metric)


def test_the_segment_in_which_the_model_fails_is_first(
    desk: Any, reference: SegmentedReference
) -> None:
    frame = desk.draw(4_000, seed=3)
    hit = frame["carrier"] == "UA"
    rng = np.random.default_rng(0)
    frame.loc[hit, "score"] = rng.permutation(frame.loc[hit, "score"].to_numpy())
    first, *others = changed_segments(reference, rows_of(frame))
    assert (first.column, first.segment, first.fell) == ("carrier", "UA", True)
    assert first.rows == hit.sum()
    assert first.value == pytest.approx(roc_auc_score(frame["late"][hit], frame["score"][hit]))
    before = reference.side.rows.features
    own = before["carrier"] == "UA"
    assert first.reference == pytest.approx(
        roc_auc_score(before["late"][own], before["score"][own])
    )
    assert not any(other.column == "carrier" for other in others)


def test_a_segment_whose_share_moved_is_named(desk: Any, reference: SegmentedReference) -> None:
    frame = desk.draw(3_000, seed=4)
    frame["temp"] += 5
    changes = changed_segments(reference, rows_of(frame))
    assert {change.column for change in changes} == {"temp"}
    assert all(change.moved for change in changes)
    gained = max(changes, key=lambda change: change.share_after - change.share_before)
    assert gained.segment.startswith("from ")
    edge = np.quantile(reference.side.rows.features["temp"], 0.75)
    assert gained.share_after == pytest.approx((frame["temp"] >= edge).mean())
    assert gained.share_before == pytest.approx(0.25, abs=0.001)


def test_without_a_change_no_segment_is_named(desk: Any, reference: SegmentedReference) -> None:
    named = [changed_segments(reference, rows_of(desk.draw(2_000, seed=s))) for s in range(40, 60)]
    assert sum(map(bool, named)) <= 1


def of_days(days: int, seed: int, start: int) -> WindowRows:
    """200 rows a day, all of one day in the same town and of much the same warmth."""
    rng = np.random.default_rng(seed)
    count = days * 200
    day = np.repeat(np.arange(days), 200)
    towns = np.array(["Ulm", "Bonn", "Kiel"])[rng.integers(0, 3, days)][day]
    warmth = rng.normal(0, 5, days)[day] + rng.normal(0, 1, count)
    at = (start + day) * 86_400_000 + np.tile(np.arange(200) * 400_000, days)
    frame = pd.DataFrame({"carrier": towns, "temp": warmth, "late": 0.0, "score": 0.5})
    return replace(rows_of(frame), at=at.astype(np.int64))


def test_the_weather_of_a_week_moves_no_segment(desk: Any) -> None:
    reference = segmented_reference(of_days(60, 0, 0), desk.signature, None)
    assert reference.correlation("carrier") > 0.9
    weeks = [of_days(7, seed, 100) for seed in range(1, 31)]
    assert sum(bool(changed_segments(reference, week)) for week in weeks) <= 1
    # Rows that are taken for independent call nearly every week a change.
    naive = segmented_reference(replace(of_days(60, 0, 0), at=None), desk.signature, None)
    assert sum(bool(changed_segments(naive, week)) for week in weeks) > 25
    town = of_days(28, 3, 100)
    moved = replace(town, features=town.features.assign(carrier="Ulm"))
    assert {change.column for change in changed_segments(reference, moved)} == {"carrier"}


def test_small_segments_are_left_out(desk: Any, reference: SegmentedReference) -> None:
    assert changed_segments(reference, rows_of(desk.draw(MIN_ROWS - 1, seed=5))) == []
    frame = desk.draw(3_000, seed=6)
    frame["score"] = np.random.default_rng(0).permutation(frame["score"].to_numpy())
    frame.loc[50:, "weekend"] = False
    changes = changed_segments(reference, rows_of(frame))
    assert 0 < len(changes) <= MAX_SEGMENTS
    weekend = [c for c in changes if c.column == "weekend" and c.segment == "1"]
    assert all(change.value is None for change in weekend)


def test_two_rows_are_alike_but_for_the_column_that_changed() -> None:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"a": rng.normal(0, 1, 500), "b": rng.integers(0, 9, 500), "c": "x"})
    after = pd.DataFrame({"a": np.nan, "b": [3] * 100, "c": "x"})
    profile = {
        "kind": "number", "reference": [250, 250], "current": [0, 0], "labels": ["< 0", "> 0"],
        "cuts": [0.0], "mean": {"reference": 0.0, "current": 0.0}, "spread": 0.0,
        "missing": {"reference": [0, 500], "current": [100, 100]},
    }  # fmt: skip
    example = example_rows("a", profile, before, after)
    assert example is not None
    assert example.window == {"a": None, "b": 3, "c": "x"}
    assert (example.reference["b"], example.reference["c"]) == (3, "x")
    nearest = before["a"].abs().sort_values().iloc[399]
    assert abs(example.reference["a"]) <= nearest  # a usual value
    assert example_rows("a", profile, before, after.drop(columns="a")) is None


def test_a_value_of_another_type_is_shown(desk: Any) -> None:
    frame = desk.draw(2_000, seed=9)
    frame["hour"] = frame["hour"].astype(object).where(np.arange(2_000) % 2 > 0, "noon")
    desk.log(frame.assign(hour=frame["hour"].astype(str)), desk.week(0))
    explanation = desk.monitoring.explain_window(desk.evaluate(desk.week(0))["window"])
    assert explanation.example is not None
    assert (explanation.example.column, explanation.example.window["hour"]) == ("hour", "noon")


def test_a_category_that_is_new_is_shown_beside_the_most_frequent_one() -> None:
    before = pd.DataFrame({"town": ["Ulm"] * 60 + ["Bonn"] * 40, "n": np.arange(100)})
    after = pd.DataFrame({"town": ["Ulm"] * 10 + ["ZZ"] * 90, "n": np.arange(100)})
    profile = {
        "kind": "category", "reference": [60, 40, 0], "current": [10, 0, 90],
        "labels": ["Ulm", "Bonn", "ZZ"],
        "missing": {"reference": [0, 100], "current": [0, 100]},
    }  # fmt: skip
    example = example_rows("town", profile, before, after)
    assert example is not None
    assert (example.reference["town"], example.window["town"]) == ("Ulm", "ZZ")
    assert example.reference["n"] == example.window["n"]


def test_a_bad_window_stores_them_and_a_good_one_does_not(desk: Any) -> None:
    desk.log(desk.draw(2_000, seed=8), desk.week(0))
    good = desk.monitoring.explain_window(desk.evaluate(desk.week(0))["window"])
    assert (good.segments, good.example) == ((), None)

    frame = desk.draw(2_000, seed=9, skill=0.0)
    frame["hour"] = frame["hour"].astype("float64").where(np.arange(2_000) % 2 > 0)
    desk.log(frame, desk.week(1))
    desk.clock.advance(timedelta(minutes=1))
    bad = desk.monitoring.explain_window(desk.evaluate(desk.week(1))["window"])
    assert bad.segments[0].fell
    assert bad.example is not None
    assert bad.example.column == bad.columns[0].column == "hour"
    assert bad.example.window["hour"] is None
    assert 5 <= bad.example.reference["hour"] < 23


@pytest.mark.parametrize("task", sorted(CASES))
def test_windows_of_every_task_can_be_explained(store: Any, clock: Any, task: str) -> None:
    served = begin(store, clock, task)
    if task != "ranking":
        served.give_run(draw_task(task, 1))
    window = served.week(0, draw_task(task, 2, shift=2.0, wrong=True))["window"]
    explanation = served.monitoring.explain_window(window)
    assert all(explanation.sentences)
    if task != "ranking":
        assert explanation.columns[0].column == "x"
        assert explanation.example is not None
        assert explanation.segments
