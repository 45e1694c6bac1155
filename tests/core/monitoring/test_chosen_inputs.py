"""What the inputs of a window are compared with, when a monitor says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pilothouse.data import Data
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring import baselines
from pilothouse.monitoring.reference_profile import to_bytes
from pilothouse.monitoring.stored_references import Answered


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
    with pytest.raises(NotFound):
        desk.monitoring.monitor("late", reference="dataset", reference_dataset="cold@1")
    pinned = desk.monitoring.monitor("late", reference="dataset", reference_dataset="warm").config
    assert pinned.reference_dataset == ref
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


def test_segments_of_held_out_rows_do_not_explain_a_change_against_other_rows(desk: Any) -> None:
    desk.monitoring.monitor("late", reference="previous_windows", reference_windows=1)
    for week, degrees in enumerate((0.0, 20.0)):
        desk.log(warmer(desk, 800, week, degrees), desk.week(week))
    desk.evaluate(desk.week(0))
    window = desk.evaluate(desk.week(1))["window"]
    explanation = desk.monitoring.explain_window(window)
    assert explanation.columns[0].column == "temp"
    assert (explanation.segments, explanation.example) == ((), None)


def test_dates_are_read_where_only_the_chosen_rows_have_a_profile_of_them(desk: Any) -> None:
    """A reference that was profiled before dates were watched has no profile of its own."""
    own = baselines.baseline(desk.store, "late", "late", 1, 2_000).profile
    older = {name: column for name, column in own.columns.items() if column.kind != "time"}
    digest = desk.store.artifacts.put_bytes(to_bytes(replace(own, columns=older)))
    with desk.store.write() as session:
        row = Answered("late", "late", 1).reference(session)
        assert row is not None
        row.digest = digest
        session.add(row)
    desk.monitoring.monitor("late", reference="previous_windows", reference_windows=1)
    for week in range(2):
        desk.log(desk.draw(800, 70 + week), desk.week(week))
        window = desk.evaluate(desk.week(week))["window"]
    results = desk.monitoring.results(window)
    of_dates = results[results["column"] == "planned"].set_index("check")
    assert of_dates.loc["missing", ["status", "n_reference"]].tolist() == ["ok", 800]


def test_what_it_cannot_be_compared_with_is_refused(desk: Any) -> None:
    with pytest.raises(Invalid, match="nothing that windows are compared with"):
        desk.monitoring.monitor("late", reference="yesterday")


def test_a_dataset_version_that_is_gone_makes_drift_insufficient(desk: Any, store: Any) -> None:
    rows = desk.draw(1_000, 7).drop(columns=["score"])
    ref = Data(store).register("warm", rows, origin="a test").ref
    desk.monitoring.monitor("late", reference="dataset", reference_dataset=ref)
    Data(store).archive(ref)
    Data(store, lambda session, ref: []).delete(ref)  # as if nothing used it
    desk.log(desk.draw(800, 8), desk.week(0))
    window = desk.evaluate(desk.week(0))
    found = checks(desk, window["window"])
    assert set(found["status"]) == {"insufficient"}
    assert found["message"].str.contains(f"the dataset {ref}", regex=False).all()
    assert window["metrics"]  # performance is judged all the same
