"""What the inputs of a window are compared with, when a monitor says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pilothouse.data import Data
from pilothouse.kit.errors import Invalid


def checks(desk: Any, window: str) -> Any:
    results = desk.monitoring.results(window)
    return results[(results["check"] == "psi") & (results["signal"] == "feature_drift")].set_index(
        "column"
    )


def warmer(desk: Any, rows: int, seed: int, degrees: float) -> Any:
    return desk.draw(rows, seed).assign(temp=lambda frame: frame["temp"] + degrees)


def test_a_season_is_no_change_against_the_windows_before(desk: Any) -> None:
    for week in range(5):
        desk.log(warmer(desk, 800, 40 + week, 20.0), desk.week(week))
    desk.monitoring.monitor("late", reference="previous_windows", reference_windows=3)
    first = desk.evaluate(desk.week(0))["window"]
    assert set(checks(desk, first)["status"]) == {"insufficient"}
    assert "the 0 windows before have 0 rows; 200 are needed" in set(checks(desk, first)["message"])
    for week in range(1, 4):
        desk.evaluate(desk.week(week))
    fifth = checks(desk, desk.evaluate(desk.week(4))["window"])
    assert fifth.loc["temp", "status"] == "ok"
    assert fifth.loc["temp", "n_reference"] == 3 * 800
    desk.monitoring.monitor("late", reference="held_out")
    assert checks(desk, desk.evaluate(desk.week(4))["window"]).loc["temp", "status"] == "fail"


def test_a_removed_window_is_no_reference(desk: Any) -> None:
    desk.monitoring.monitor("late", reference="previous_windows", reference_windows=1)
    desk.log(desk.draw(800, 1), desk.week(0))
    desk.log(warmer(desk, 800, 2, 20.0), desk.week(1))
    desk.log(desk.draw(800, 3), desk.week(2))
    desk.evaluate(desk.week(0))
    broken = desk.evaluate(desk.week(1))["window"]
    assert checks(desk, broken).loc["temp", "status"] == "fail"
    assert checks(desk, desk.evaluate(desk.week(2))["window"]).loc["temp", "status"] == "fail"
    desk.monitoring.remove_window(broken, "a sensor in the sun")
    assert checks(desk, desk.evaluate(desk.week(2))["window"]).loc["temp", "status"] == "ok"


def test_the_same_weeks_of_the_year_before(desk: Any) -> None:
    start = desk.week(60)
    for week in (7, 8, 9):  # 52 weeks before, and one on either side
        desk.log(warmer(desk, 400, week, 20.0), desk.week(week))
    desk.log(desk.draw(400, 5), desk.week(20))
    desk.log(warmer(desk, 800, 6, 20.0), start)
    desk.monitoring.monitor("late", reference="year_before")
    found = checks(desk, desk.evaluate(start)["window"])
    assert (found.loc["temp", "status"], found.loc["temp", "n_reference"]) == ("ok", 1_200)


def test_a_dataset_version_and_only_for_inputs(desk: Any, store: Any) -> None:
    rows = warmer(desk, 3_000, 7, 20.0).drop(columns=["score"])
    ref = Data(store).register("warm", rows, origin="a test").ref
    desk.log(warmer(desk, 800, 8, 20.0), desk.week(0))
    with pytest.raises(Invalid, match="name the dataset version"):
        desk.monitoring.monitor("late", reference="dataset")
    desk.monitoring.monitor("late", reference="dataset", reference_dataset=ref)
    window = desk.evaluate(desk.week(0))["window"]
    found = checks(desk, window)
    assert (found.loc["temp", "status"], found.loc["temp", "n_reference"]) == ("ok", 3_000)
    results = desk.monitoring.results(window)
    outputs = results[results["signal"] == "prediction_drift"]
    assert set(outputs["n_reference"]) == {6_000}
    assert outputs["status"].ne("insufficient").all()


def test_a_window_is_evaluated_anew_when_its_reference_has_grown(desk: Any) -> None:
    desk.monitoring.monitor("late", reference="previous_windows")
    desk.log(desk.draw(800, 1), desk.week(0))
    desk.log(desk.draw(800, 2), desk.week(1))
    desk.evaluate(desk.week(0))
    assert desk.evaluate(desk.week(1))["revision"] == 1
    assert desk.evaluate(desk.week(1))["revision"] == 1
    desk.log(desk.draw(100, 3), desk.week(0) + timedelta(hours=1))
    assert desk.evaluate(desk.week(1))["revision"] == 2


def test_what_it_cannot_be_compared_with_is_refused(desk: Any) -> None:
    with pytest.raises(Invalid, match="nothing that windows are compared with"):
        desk.monitoring.monitor("late", reference="yesterday")
