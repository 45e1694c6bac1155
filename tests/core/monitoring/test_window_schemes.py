"""Monitors by hour, in a time zone, with windows that overlap, and with late data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlmodel import select

from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.monitoring import window_store
from pilothouse.monitoring.evaluate import due_job
from pilothouse.monitoring.tables import Alert, Window
from pilothouse.monitoring.windows import Span, WindowScheme, span_of_ms, span_text

NEW_YORK = "America/New_York"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def due(desk: Any, until: datetime) -> list[Span]:
    return [span_of_ms(*ends) for ends in due_job(desk.store, None, "late", to_ms(until))]


def evaluate_due(desk: Any, until: datetime) -> list[dict[str, Any]]:
    return [desk.evaluate(span.start, span.length) for span in due(desk, until)]


def test_every_row_is_in_one_window_of_a_zone_that_turns_its_clocks(desk: Any) -> None:
    start = datetime(2013, 3, 9, 5, tzinfo=UTC)  # clocks go forward on the 10th
    desk.monitoring.monitor("late", period="day", zone=NEW_YORK, min_rows=50)
    desk.log(desk.draw(300, seed=1), start, days=3)
    spans = due(desk, start + 4 * DAY)
    assert [span.length / HOUR for span in spans] == [24, 23, 24, 24]
    results = evaluate_due(desk, start + 4 * DAY)
    assert sum(result["rows"] for result in results) == 300
    window = desk.monitoring.window(results[1]["window"])
    assert (window.zone, window.rows) == (NEW_YORK, 96)
    text = span_text(window.start, window.end, window.zone)
    assert text == f"10 Mar 2013 ({NEW_YORK})"
    assert set(desk.monitoring.windows("late")["zone"]) == {NEW_YORK}
    page = desk.monitoring.window_page(window.id).decode()
    assert text in page
    assert f"Day ({NEW_YORK})".casefold() in page.casefold()


def test_hours_are_judged_by_rules_that_do_not_mix_them_with_weeks(desk: Any) -> None:
    worse = desk.draw(3_000, seed=2)
    worse["late"] = 1 - worse["late"]
    desk.log(worse, desk.week(0), days=1)
    desk.evaluate(desk.week(0))  # a week
    desk.monitoring.monitor("late", period="hour", min_rows=50, min_labelled=50)
    results = evaluate_due(desk, desk.week(0) + 3 * HOUR)
    assert [result["rows"] for result in results] == [125, 125, 125]
    with desk.store.read() as session:
        alerts = session.exec(select(Alert).where(Alert.state != "resolved")).all()
        first = {alert.first_window for alert in alerts}
        windows = session.exec(select(Window)).all()
    lengths = {window.id: window.end - window.start for window in windows}
    assert {lengths[window] for window in first} == {HOUR}
    assert any("in the window from 2013-03-04 0" in alert.message for alert in alerts)
    # And back: hours do not count for weeks.
    desk.monitoring.monitor("late", period="week")
    desk.log(desk.draw(500, seed=3), desk.week(1))
    desk.evaluate(desk.week(1))
    with desk.store.read() as session:
        alerts = session.exec(select(Alert).where(Alert.state != "resolved")).all()
    assert all(lengths.get(alert.first_window, HOUR) != HOUR for alert in alerts)


def test_a_sliding_window_has_the_last_days_every_day(desk: Any) -> None:
    desk.monitoring.monitor("late", period="day", window_length=7, window_step=1)
    desk.log(desk.draw(700, seed=4), desk.week(0))
    spans = due(desk, desk.week(1) + 2 * DAY)
    assert spans == [Span(desk.week(0) + n * DAY, desk.week(1) + n * DAY) for n in range(-6, 3)]
    results = evaluate_due(desk, desk.week(2))
    assert [result["rows"] for result in results] == [*range(100, 800, 100), *range(600, 0, -100)]
    assert due(desk, desk.week(2)) == []
    desk.clock.advance(HOUR)
    desk.log(desk.draw(10, seed=5), desk.week(0) + 6 * DAY, days=1)
    assert len(due(desk, desk.week(2))) == 7  # those that have the day of the late rows


def test_windows_before_one_do_not_overlap(desk: Any) -> None:
    desk.monitoring.monitor("late", period="day", window_length=7, window_step=1)
    desk.log(desk.draw(700, seed=6), desk.week(0))
    desk.log(desk.draw(700, seed=7), desk.week(1))
    evaluate_due(desk, desk.week(2))
    scheme = WindowScheme("day", length=7)
    with desk.store.read() as session:
        spans = window_store.spans_before(
            session, "late", scheme, Span(desk.week(2), desk.week(3)), 8
        )
    assert spans == [Span(desk.week(n), desk.week(n + 1)) for n in (1, 0, -1)][: len(spans)]
    assert len(spans) >= 2


def test_a_window_waits_for_its_labels_and_gives_up_on_later_ones(desk: Any) -> None:
    desk.monitoring.monitor("late", period="day", evaluate_after=6, give_up_after=48, min_rows=50)
    start, end = desk.week(0), desk.week(0) + DAY
    desk.clock.advance(end - desk.clock.now())
    ids = desk.log(desk.draw(300, seed=8), start, days=1, labelled=0.0)
    assert due(desk, end + 5 * HOUR) == []
    assert due(desk, end + 6 * HOUR) == [Span(start, end)]
    assert desk.evaluate(start, DAY)["labelled"] == 0

    desk.clock.advance(47 * HOUR)
    desk.label(ids[:200], [1, 0] * 100, start)
    assert due(desk, desk.clock.now())[0] == Span(start, end)
    assert desk.evaluate(start, DAY)["labelled"] == 200
    desk.clock.advance(2 * HOUR)
    desk.label(ids[200:], [1, 0] * 50, start)
    assert Span(start, end) not in due(desk, desk.clock.now())
    assert desk.evaluate(start, DAY) | {"revision": 3} == desk.evaluate(start, DAY)  # by hand


def test_a_window_that_was_never_evaluated_is_due_however_late_its_rows_are(desk: Any) -> None:
    desk.monitoring.monitor("late", period="day", give_up_after=1)
    desk.clock.advance(30 * DAY)
    desk.log(desk.draw(100, seed=9), desk.week(0), days=1)
    assert due(desk, desk.week(1)) == [Span(desk.week(0), desk.week(0) + DAY)]
    desk.evaluate(desk.week(0), DAY)
    desk.clock.advance(HOUR)
    desk.log(desk.draw(10, seed=10), desk.week(0), days=1)
    assert due(desk, desk.week(1)) == []


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"window_length": 7, "window_step": 2}, "window_step"),
        ({"evaluate_after": -1}, "evaluate_after"),
        ({"evaluate_after": 5, "give_up_after": 4}, "give_up_after"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    desk: Any, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        desk.monitoring.monitor("late", **settings)
    assert field in refused.value.fields


def test_volume_of_an_hour_is_compared_with_that_hour_of_earlier_weeks(desk: Any) -> None:
    desk.monitoring.monitor("late", period="hour", zone=NEW_YORK, min_rows=50)
    start = datetime(2013, 2, 11, 5, tzinfo=UTC)  # Monday, 00:00 there; summer time from 10 March
    busy = [start + week * timedelta(weeks=1) for week in range(5)]
    busy[4] -= HOUR
    desk.log(desk.draw(60, seed=10), start - 2 * HOUR, days=1)
    desk.evaluate(start - 2 * HOUR, HOUR)
    for week, at in enumerate(busy):
        rows = 600 if week < 4 else 60
        frame = desk.draw(rows, seed=11 + week).drop(columns=["late"])
        times = pd.date_range(at, periods=rows, freq="1s")
        _log_at(desk, frame, times)
        result = desk.evaluate(at, HOUR)
    volume = desk.monitoring.results(result["window"]).query("check == 'volume'")
    assert volume["score"].tolist() == [0.1]
    assert volume["status"].tolist() == ["fail"]


def _log_at(desk: Any, frame: pd.DataFrame, times: pd.DatetimeIndex) -> None:
    ids = [f"{at.value}-{n}" for n, at in enumerate(times)]
    rows = frame.assign(
        prediction_id=ids, model="late", version=1, event_at=times,
        received_at=pd.Timestamp(desk.store.now()), latency_ms=1.0,
    )  # fmt: skip
    desk._write("predictions", rows, times[0])
