"""Windows cut time: no gap, no overlap, every row in exactly one, or in as many as overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise
from typing import get_args
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.windows import (
    PREDICTION,
    Period,
    Span,
    WindowScheme,
    check_scheme,
    require_period,
    span_of_ms,
    span_text,
    start_text,
)

HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)
NEW_YORK = "America/New_York"
WEEK = WindowScheme("week")
CALENDAR = [period for period in get_args(Period) if period != PREDICTION]
instants = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))
lengths = st.timedeltas(timedelta(0), timedelta(days=500))
zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))


@st.composite
def schemes(draw: st.DrawFn, overlap: int = 1) -> WindowScheme:
    step = draw(st.integers(1, 8))
    length = step * draw(st.integers(1, overlap))
    period = draw(st.sampled_from(CALENDAR))
    scheme = WindowScheme(period, draw(zones), length, step)
    check_scheme(scheme)
    return scheme


@given(schemes(), instants, lengths, st.data())
def test_every_row_falls_in_exactly_one_window(
    scheme: WindowScheme, start: datetime, length: timedelta, data: st.DataObject
) -> None:
    # At most some hundred windows: an hour of 500 days is like one of two.
    length = min(length, timedelta(hours=100)) if scheme.period == "hour" else length
    windows = scheme.windows_between(start, start + length)
    if not length:
        assert windows == ()
        return
    row = start + data.draw(st.timedeltas(timedelta(0), length - TICK))
    assert sum(row in window for window in windows) == 1
    assert row in scheme.window_of(row)
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert start in windows[0]
    assert windows[-1].start < start + length <= windows[-1].end


@given(schemes(overlap=9), instants)
def test_a_row_is_in_as_many_windows_as_overlap_and_in_no_other(
    scheme: WindowScheme, at: datetime
) -> None:
    windows = scheme.windows_with(at)
    assert len(set(windows)) == scheme.length // scheme.step
    assert all(at in window and scheme.is_window(window) for window in windows)
    around = list(islice(scheme.windows_from(windows[0].start - TICK), 3 * len(windows) + 2))
    assert [window for window in around if at in window] == list(windows)


@given(schemes(), instants)
def test_a_window_is_the_same_for_each_of_its_instants(scheme: WindowScheme, at: datetime) -> None:
    window = scheme.window_of(at)
    assert at in window
    assert scheme.window_of(window.start) == window
    assert scheme.window_of(window.end - TICK) == window
    assert window.end not in window


@given(zones, st.integers(1971, 2036))
def test_days_and_hours_cover_a_year_of_any_zone(zone: str, year: int) -> None:
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    days = WindowScheme("day", zone).windows_between(start, end)
    assert all(a.end == b.start for a, b in pairwise(days))
    assert all(day.start < day.end for day in days)
    unusual = [day for day in days if day.length != 24 * HOUR][:4]
    for day in unusual:  # where clocks change
        hours = WindowScheme("hour", zone).windows_between(day.start, day.end)
        assert all(a.end == b.start for a, b in pairwise(hours))
        assert all(timedelta(0) < hour.length <= HOUR for hour in hours)


@given(instants)
def test_weeks_begin_on_monday_at_midnight_utc(at: datetime) -> None:
    start = WEEK.window_of(at).start
    assert (start.weekday(), start.hour, start.minute, start.microsecond) == (0, 0, 0, 0)
    assert start.tzinfo is UTC


def test_an_instant_of_another_zone_falls_in_its_utc_window() -> None:
    there = datetime(2013, 3, 4, 1, tzinfo=timezone(timedelta(hours=3)))
    assert WEEK.window_of(there) == Span(
        datetime(2013, 2, 25, tzinfo=UTC), datetime(2013, 3, 4, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("day", "hours", "clocks"),
    [(datetime(2013, 3, 10, 12), 23, "spring"), (datetime(2013, 11, 3, 12), 25, "autumn")],
)
def test_a_day_has_the_hours_that_its_zone_gives_it(day: datetime, hours: int, clocks: str) -> None:
    window = WindowScheme("day", NEW_YORK).window_of(day.replace(tzinfo=UTC))
    assert window.length == hours * HOUR
    parts = WindowScheme("hour", NEW_YORK).windows_between(window.start, window.end)
    assert len(parts) == hours
    assert {part.length for part in parts} == {HOUR}
    blocks = WindowScheme("hour", NEW_YORK, 6, 6).windows_between(window.start, window.end)
    assert [block.length / HOUR for block in blocks] == [hours - 18, 6, 6, 6]


def test_a_day_begins_when_clocks_that_skip_midnight_go_on() -> None:
    window = WindowScheme("day", "America/Sao_Paulo").window_of(
        datetime(2018, 11, 4, 12, tzinfo=UTC)
    )
    assert window.start == datetime(2018, 11, 4, 3, tzinfo=UTC)  # 01:00 there, after 23:59
    assert window.length == 23 * HOUR
    skipped = WindowScheme("day", "Pacific/Apia").windows_between(
        datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 2, tzinfo=UTC)
    )
    assert {day.length for day in skipped} == {24 * HOUR}  # the 30th was never there


def test_hours_of_a_zone_begin_at_its_own_full_hours() -> None:
    at = datetime(2026, 3, 4, 13, 10, tzinfo=UTC)
    assert WindowScheme("hour", "Asia/Kolkata").window_of(at).start.minute == 30
    turned = WindowScheme("hour", "Australia/Lord_Howe").windows_between(
        datetime(2026, 4, 4, 13, tzinfo=UTC), datetime(2026, 4, 4, 17, tzinfo=UTC)
    )
    assert [part.length / HOUR for part in turned] == [1, 1, 0.5, 1, 1]


def test_months_have_their_own_lengths_and_quarters_begin_in_january() -> None:
    windows = WindowScheme("month").windows_between(
        datetime(2012, 1, 31, tzinfo=UTC), datetime(2012, 3, 1, tzinfo=UTC)
    )
    assert [window.length.days for window in windows] == [31, 29]
    quarter = WindowScheme("month", length=3, step=3).window_of(datetime(2026, 5, 5, tzinfo=UTC))
    assert quarter == Span(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


def test_ten_months_from_march_are_forty_four_weeks() -> None:
    windows = WEEK.windows_between(
        datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 12, 30, tzinfo=UTC)
    )
    assert len(windows) == 44


def test_wire_times_make_a_span_and_an_empty_one_is_refused() -> None:
    window = WindowScheme("day").window_of(datetime(2013, 3, 4, tzinfo=UTC))
    assert span_of_ms(*window.in_ms) == window
    with pytest.raises(Invalid):
        span_of_ms(5, 5)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (WindowScheme("fortnight"), "is no period"),  # type: ignore[arg-type]
        (WindowScheme("day", "Middle/Earth"), "no time zone"),
        (WindowScheme("day", "../../etc/passwd"), "no time zone"),
        (WindowScheme("day", length=7, step=2), "a multiple of its step"),
        (WindowScheme("day", length=0), "at least 1"),
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused(scheme: WindowScheme, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        check_scheme(scheme)
    assert require_period("week") == "week"


def test_only_windows_of_the_scheme_are_like_each_other() -> None:
    months = WindowScheme("month")
    spans = months.windows_between(
        datetime(2023, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    )
    assert all(months.are_alike(one, other) for one in spans for other in spans)
    by_hand = [Span(span.start + HOUR, span.end + HOUR) for span in spans]
    assert all(months.are_alike(one, other) for one in by_hand for other in by_hand)
    week = WEEK.window_of(spans[5].start)
    for span in [*spans, *by_hand]:
        assert not months.are_alike(week, span)
        assert not months.are_alike(span, week)
    assert not months.are_alike(by_hand[0], spans[0])
    sliding = WindowScheme("day", length=7, step=1)
    assert WEEK.are_alike(week, week)
    assert sum(map(WEEK.is_window, sliding.windows_with(week.start))) == 1


@pytest.mark.parametrize(
    ("zone", "start", "hours", "expected"),
    [
        (None, datetime(2013, 3, 4), 24 * 7, "4 to 10 Mar 2013"),
        (None, datetime(2013, 3, 4, 13), 1, "4 Mar 2013, 13:00 to 14:00"),
        (None, datetime(2013, 3, 4, 23), 1, "4 Mar 2013, 23:00 to 5 Mar 2013, 00:00"),
        ("Europe/Paris", datetime(2013, 3, 3, 23), 24, "4 Mar 2013 (Europe/Paris)"),
        (NEW_YORK, datetime(2013, 3, 4, 13), 1, f"4 Mar 2013, 08:00 to 09:00 ({NEW_YORK})"),
        (NEW_YORK, datetime(2013, 11, 3, 5), 1, f"3 Nov 2013, 01:00 EDT to 01:00 EST ({NEW_YORK})"),
    ],
)
def test_a_window_reads_in_its_own_zone(
    zone: str | None, start: datetime, hours: int, expected: str
) -> None:
    begin = start.replace(tzinfo=UTC)
    assert span_text(begin, begin + hours * HOUR, zone) == expected


def test_a_sentence_says_when_a_window_began() -> None:
    start = datetime(2013, 3, 4, tzinfo=UTC)
    assert start_text(start, start + 24 * HOUR) == "2013-03-04"
    assert start_text(start, start + HOUR) == "2013-03-04 00:00"
    assert start_text(start, start + HOUR, NEW_YORK) == f"2013-03-03 19:00 ({NEW_YORK})"
