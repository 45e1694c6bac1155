"""Windows of a number of predictions: every row in exactly one, and none moves once it is cut."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.deployments.prediction_log import log
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.counted_windows import CountedWindows
from pilothouse.monitoring.evaluate import due_job
from pilothouse.monitoring.tables import Window
from pilothouse.monitoring.windows import PREDICTION, Span, WindowScheme, scheme_text, span_text

SIZE = 300
arrivals = st.lists(st.lists(st.integers(-60, 60), max_size=25), max_size=8)


def milliseconds(times: list[int]) -> Any:
    return np.array(times, dtype=np.int64)


def add(windows: CountedWindows, all_times: list[int]) -> CountedWindows:
    """The windows after all times that are there so far, as a worker cuts them."""
    instants = [from_ms(at) for at in all_times]
    waiting = [[to_ms(at) for at in instants if at in span] for span in windows.waiting]
    early = waiting[0] if len(waiting) > 1 else []
    return windows.extended(milliseconds(early), milliseconds(waiting[-1]))


@given(arrivals, st.integers(1, 12))
def test_every_row_falls_in_exactly_one_window_for_any_arrivals(
    batches: list[list[int]], size: int
) -> None:
    windows, all_times = CountedWindows(size), list[int]()
    for batch in batches:
        all_times += batch
        before, windows = windows, add(windows, all_times)
        assert set(before.windows) <= set(windows.windows)  # a late row moves none
        for at in map(from_ms, all_times):
            holders = [span for span in (*windows.windows, *windows.waiting) if at in span]
            assert holders == list(windows.windows_with(at))
        for span in set(windows.windows) - set(before.windows):
            inside = [at for at in all_times if from_ms(at) in span]
            ends = Counter(inside)[max(inside)], Counter(inside)[min(inside)]
            assert len(inside) >= size
            assert len(inside) - max(ends) < size  # but for those of one instant it is exact
        for span in windows.waiting:
            assert sum(from_ms(at) in span for at in all_times) < size


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=60), st.integers(1, 12))
def test_rows_of_different_instants_make_windows_of_exactly_the_number(
    times: list[int], size: int
) -> None:
    windows = CountedWindows(size).extended(milliseconds([]), milliseconds(times)).windows
    assert len(windows) == len(times) // size
    assert all(sum(from_ms(at) in span for at in times) == size for span in windows)


def due(desk: Any, weeks: int) -> list[Span]:
    spans = due_job(desk.store, None, "late", to_ms(desk.week(weeks)))
    return [Span(*map(from_ms, ends)) for ends in spans]


def evaluate_due(desk: Any, weeks: int) -> list[dict[str, Any]]:
    return [desk.evaluate(span.start, span.length) for span in due(desk, weeks)]


@pytest.fixture
def counted(desk: Any) -> Any:
    desk.monitoring.monitor("late", period=PREDICTION, window_length=SIZE)
    return desk


def test_a_late_row_gives_its_own_window_a_revision_and_no_other(counted: Any) -> None:
    desk = counted
    desk.log(desk.draw(2 * SIZE + 100, seed=1), desk.week(0))
    evaluate_due(desk, 1)
    before = desk.monitoring.windows("late")
    assert before["rows"].tolist() == [SIZE, SIZE]
    assert due(desk, 1) == []

    desk.clock.advance(timedelta(hours=1))
    desk.log(desk.draw(5, seed=2), before["start"].iloc[1].to_pydatetime(), days=1)
    assert [result["revision"] for result in evaluate_due(desk, 1)] == [2]
    after = desk.monitoring.windows("late")
    assert after[["id", "start", "end"]].equals(before[["id", "start", "end"]])
    assert after["rows"].tolist() == [SIZE, SIZE + 5]

    desk.clock.advance(timedelta(hours=1))
    desk.log(desk.draw(SIZE, seed=3), desk.week(-3))  # a whole window before the first one
    evaluate_due(desk, 1)
    assert desk.monitoring.windows("late")["rows"].tolist() == [SIZE, SIZE, SIZE + 5]
    assert due(desk, 1) == []


def test_only_what_waits_is_read_and_only_when_it_is_enough(
    counted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = counted
    desk.log(desk.draw(SIZE + 50, seed=1), desk.week(0))
    evaluate_due(desk, 1)
    read: list[Any] = []
    predictions = log.predictions

    def noted(*args: Any, **how: Any) -> pd.DataFrame:
        frame = predictions(*args, **how)
        read.append(len(frame))
        return frame

    monkeypatch.setattr(log, "predictions", noted)
    desk.clock.advance(timedelta(hours=1))
    desk.log(desk.draw(100, seed=2), desk.week(1))
    assert due(desk, 2) == []
    assert read == []  # 150 wait
    desk.log(desk.draw(200, seed=3), desk.week(2))
    assert len(due(desk, 3)) == 1
    assert sum(read) == 350


def test_windows_of_predictions_are_judged_like_others_and_never_mix(counted: Any) -> None:
    desk = counted
    desk.monitoring.monitor("late", reference="previous_windows", reference_windows=2)
    for week in range(3):
        desk.log(desk.draw(SIZE, seed=week, skill=0.0), desk.week(week))
        desk.clock.advance(timedelta(hours=1))
        evaluate_due(desk, week + 1)
    windows = desk.monitoring.windows("late")
    assert desk.monitoring.alerts("firing")["name"].tolist() == ["performance"]
    checks = set(desk.monitoring.results(windows["id"].iloc[-1])["check"])
    assert not {"volume", "freshness"} & checks  # a window is as large as another
    with desk.store.read() as session:
        profile = session.get_one(Window, windows["id"].iloc[-1]).profile
    stored = json.loads(desk.store.artifacts.read(profile))
    assert stored["reference"]["inputs_from"] == "the 2 windows before"

    desk.monitoring.monitor("late", window_length=2 * SIZE)
    evaluate_due(desk, 3)
    assert desk.monitoring.alerts("firing").empty  # those of 300 no longer count
    assert desk.monitoring.windows("late")["rows"].tolist().count(2 * SIZE) == 1
    replay = desk.monitoring.replay("late", {"drifted_share": 0.3})
    assert len(replay.windows) == 1


def test_settings_of_windows_of_predictions(desk: Any) -> None:
    config = desk.monitoring.monitor("late", period=PREDICTION).config
    assert (config.window_length, config.window_step) == (1_000, 1_000)
    assert scheme_text(config.scheme) == "1,000 predictions"
    config = desk.monitoring.monitor("late", period="day").config
    assert config.scheme == WindowScheme("day")
    with pytest.raises(Invalid, match=r"fewer than the 200 rows \(min_rows\)"):
        desk.monitoring.monitor("late", period=PREDICTION, window_length=100)
    with pytest.raises(Invalid, match="do not overlap"):
        desk.monitoring.monitor("late", period=PREDICTION, window_length=400, window_step=200)


def test_short_windows_read_with_their_seconds(desk: Any) -> None:
    start = desk.week(0) + timedelta(hours=13, seconds=4, milliseconds=20)
    assert span_text(start, start + timedelta(seconds=3)) == ("4 Mar 2013, 13:00:04 to 13:00:07")
    assert span_text(start, start + timedelta(hours=3)) == "4 Mar 2013, 13:00 to 16:00"
