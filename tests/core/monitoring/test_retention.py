"""Old rows of a log are deleted: what was judged stays, and what is needed is kept longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.log_rules import deletions
from pilothouse.deployments.log_rules.rules import LogRules
from pilothouse.deployments.prediction_log import row_removal
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict
from pilothouse.monitoring.deleted_rows import lacks_rows
from pilothouse.monitoring.evaluate import due_job
from pilothouse.monitoring.windows import Span
from pilothouse.pipelines.log_clean_up import clean_up

WEEK = timedelta(days=7)


def move_to(desk: Any, at: datetime) -> None:
    desk.clock.advance(at - desk.clock.now())


def starts(desk: Any) -> list[int]:
    return [start for start, _ in due_job(desk.store, None, "late", to_ms(desk.store.now()))]


def fill(desk: Any, weeks: int, rows: int = 250) -> None:
    """Log and judge weeks as they pass."""
    for week in range(weeks):
        move_to(desk, desk.week(week))
        desk.log(desk.draw(rows, seed=week), desk.week(week))
        move_to(desk, desk.week(week + 1))
        desk.evaluate(desk.week(week))


def delete(desk: Any) -> dict[str, Any]:
    return clean_up(desk.store, lambda *_: None, deployment="late")


def log_days(desk: Any) -> list[str]:
    folder = desk.store.folder / "predictions" / "late"
    return sorted(path.name.removeprefix("date=") for path in folder.iterdir())


def test_judged_windows_keep_their_results_without_their_rows(desk: Any) -> None:
    deployments = Deployments(desk.store)
    fill(desk, 5)
    before = desk.monitoring.windows("late")
    assert delete(desk) == {"deleted": {}, "held_by": ""}
    deployments.set_log_rules("late", LogRules(10))
    done = delete(desk)
    # Ten days before the end of the fifth week lie in the fourth: that window stays whole.
    assert done["events_before"] == f"{desk.week(3):%Y-%m-%d}"
    assert done["held_by"] == "a window is deleted as a whole"
    assert done["deleted"]["predictions"] == 750
    assert log_days(desk)[0] == f"{desk.week(3):%Y-%m-%d}"
    state = deployments.log_state("late")
    assert (state.deleted_before, state.cleaned_at) == (desk.week(3), desk.store.now())
    pd.testing.assert_frame_equal(desk.monitoring.windows("late"), before)
    assert starts(desk) == []
    with pytest.raises(Conflict, match="rows of this window were deleted"):
        desk.evaluate(desk.week(2))
    with pytest.raises(Conflict, match="rows of this window were deleted"):
        desk.monitoring.request_report(before["id"].iloc[0])
    deleted = [desk.monitoring.window(id).rows_deleted for id in before["id"]]
    assert deleted == [True, True, True, False, False]
    assert desk.evaluate(desk.week(3))["rows"] == 250
    entry = Activity(desk.store).entries(kind="deployment", ref="late").iloc[0]
    assert entry["verb"] == "log_rows_deleted"
    assert Activity(desk.store).verify().intact
    assert delete(desk)["deleted"]["files"] == 0
    assert len(deployments.log_deletions("late")) == 1


def test_a_window_that_is_not_judged_is_kept(desk: Any) -> None:
    Deployments(desk.store).set_log_rules("late", LogRules(1))
    fill(desk, 1)
    for week in (1, 2):
        move_to(desk, desk.week(week))
        desk.log(desk.draw(250, seed=week), desk.week(week))
    move_to(desk, desk.week(6))
    done = delete(desk)
    assert done["held_by"] == "their window is not judged yet"
    assert log_days(desk)[0] == f"{desk.week(1):%Y-%m-%d}"
    assert done["deleted"]["predictions"] == 250


@pytest.mark.parametrize(
    ("settings", "left", "why"),
    [
        ({"reference": "previous_windows", "reference_windows": 3}, 2, "are compared with them"),
        ({"reference": "year_before"}, 0, "are compared with them"),
        ({"period": "prediction", "window_length": 5_000}, 0, "wait for a window"),
        ({"enabled": False}, 5, ""),
    ],
)
def test_what_later_windows_need_is_kept(
    desk: Any, settings: dict[str, Any], left: int, why: str
) -> None:
    fill(desk, 5, rows=50)
    desk.monitoring.monitor("late", **settings)
    Deployments(desk.store).set_log_rules("late", LogRules(1))
    move_to(desk, desk.week(5) + timedelta(days=3))
    assert why in delete(desk)["held_by"]
    first = desk.week(left) if left < 5 else None
    assert log_days(desk)[:1] == ([f"{first:%Y-%m-%d}"] if first else [])


def test_a_killed_clean_up_is_finished_and_recorded_once(desk: Any, monkeypatch: Any) -> None:
    fill(desk, 3)
    Deployments(desk.store).set_log_rules("late", LogRules(1))
    move_to(desk, desk.week(4))

    def killed(removals: Any) -> None:
        original(list(removals)[:3])
        raise KeyboardInterrupt

    original = row_removal.remove
    with monkeypatch.context() as patch:
        patch.setattr(row_removal, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            delete(desk)
    assert starts(desk) == [to_ms(desk.week(3))]  # none is judged by what is left of it
    assert delete(desk)["deleted"]["predictions"] < 750
    assert log_days(desk) == []
    with desk.store.read() as session:
        (recorded,) = deletions.deletions(session, "late")
    assert recorded.predictions == 750


def test_rows_that_come_for_an_older_time_are_judged_once(desk: Any) -> None:
    fill(desk, 3)
    Deployments(desk.store).set_log_rules("late", LogRules(1))
    delete(desk)
    desk.log(desk.draw(50, seed=9), desk.week(0))  # of a window that was judged without them
    desk.log(desk.draw(50, seed=10), desk.week(-20))
    due = starts(desk)  # with empty ones after it
    assert (due[0], due[-1] < to_ms(desk.week(0))) == (to_ms(desk.week(-20)), True)
    deleted, span = desk.week(2), Span(desk.week(1), desk.week(3))
    assert lacks_rows(span, deleted, is_judged=False)
    assert not lacks_rows(Span(desk.week(1), desk.week(2)), deleted, is_judged=False)
    assert not lacks_rows(Span(desk.week(2), desk.week(3)), deleted, is_judged=True)


def test_columns_that_are_not_logged_are_not_monitored(desk: Any) -> None:
    desk.monitoring.monitor("late", segment_columns=("carrier",))
    desk.log(desk.draw(300, seed=1).drop(columns=["temp", "carrier"]), desk.week(0))
    absent = desk.monitoring.results(desk.evaluate(desk.week(0))["window"])
    assert {"temp", "carrier"} <= set(absent["column"])
    rules = LogRules(dropped=("temp",), hashed=("carrier",))
    Deployments(desk.store).set_log_rules("late", rules, "they name people")
    desk.log(desk.draw(300, seed=2).drop(columns=["temp", "carrier"]), desk.week(1))
    results = desk.monitoring.results(desk.evaluate(desk.week(1))["window"])
    own = results[~results["signal"].isin(["segments", "performance"])]
    assert not {"temp", "carrier"} & set(own["column"])
    assert {"hour", "gust"} <= set(results["column"])
