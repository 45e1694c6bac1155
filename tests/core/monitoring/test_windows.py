"""Windows tile time: no gap, no overlap, every row in exactly one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.windows import (
    Period,
    Span,
    is_as_long,
    require_period,
    span_of_ms,
    window_of,
    windows_between,
)

instants = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
periods = st.sampled_from(get_args(Period))
lengths = st.timedeltas(timedelta(0), timedelta(days=500))


@given(instants, lengths, periods, st.data())
def test_every_row_falls_in_exactly_one_window(
    start: datetime, length: timedelta, period: Period, data: st.DataObject
) -> None:
    windows = windows_between(start, start + length, period)
    if not length:
        assert windows == ()
        return
    row = start + data.draw(st.timedeltas(timedelta(0), length - timedelta(microseconds=1)))
    assert sum(row in window for window in windows) == 1


@given(instants, lengths, periods)
def test_windows_follow_each_other_and_cover_no_more_than_is_asked(
    start: datetime, length: timedelta, period: Period
) -> None:
    windows = windows_between(start, start + length, period)
    assert all(a.end == b.start for a, b in pairwise(windows))
    if windows:
        assert start in windows[0]
        assert windows[-1].start < start + length <= windows[-1].end


@given(instants, periods)
def test_a_window_is_the_same_for_each_of_its_instants(at: datetime, period: Period) -> None:
    window = window_of(at, period)
    assert at in window
    assert window_of(window.start, period) == window
    assert window_of(window.end - timedelta(microseconds=1), period) == window
    assert window.end not in window


@given(instants)
def test_weeks_begin_on_monday_at_midnight_utc(at: datetime) -> None:
    start = window_of(at, "week").start
    assert (start.weekday(), start.hour, start.minute, start.microsecond) == (0, 0, 0, 0)
    assert start.tzinfo is UTC


def test_an_instant_of_another_zone_falls_in_its_utc_window() -> None:
    there = datetime(2013, 3, 4, 1, tzinfo=timezone(timedelta(hours=3)))
    assert window_of(there, "week") == Span(
        datetime(2013, 2, 25, tzinfo=UTC), datetime(2013, 3, 4, tzinfo=UTC)
    )


def test_months_have_their_own_lengths() -> None:
    windows = windows_between(
        datetime(2012, 1, 31, tzinfo=UTC), datetime(2012, 3, 1, tzinfo=UTC), "month"
    )
    assert [window.end - window.start for window in windows] == [
        timedelta(days=31),
        timedelta(days=29),
    ]


def test_ten_months_from_march_are_forty_four_weeks() -> None:
    windows = windows_between(
        datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 12, 30, tzinfo=UTC), "week"
    )
    assert len(windows) == 44


def test_wire_times_make_a_span_and_an_empty_one_is_refused() -> None:
    window = window_of(datetime(2013, 3, 4, tzinfo=UTC), "day")
    assert span_of_ms(*window.in_ms) == window
    with pytest.raises(Invalid):
        span_of_ms(5, 5)


def test_an_unknown_period_is_refused_with_the_known_ones() -> None:
    assert require_period("week") == "week"
    with pytest.raises(Invalid, match="day, week, month"):
        require_period("fortnight")


def test_months_are_as_long_as_each_other_and_as_no_week() -> None:
    months = windows_between(
        datetime(2023, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC), "month"
    )
    assert all(is_as_long(one, other.length) for one in months for other in months)
    week = Span(months[0].start, months[0].start + timedelta(days=7))
    assert not any(
        is_as_long(week, month.length) or is_as_long(month, week.length) for month in months
    )
    assert not is_as_long(Span(week.start, week.start + timedelta(days=1)), week.length)
