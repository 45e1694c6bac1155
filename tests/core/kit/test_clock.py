"""Time: handed in, aware, and milliseconds on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.kit.clock import FixedClock, SystemClock, from_ms, to_ms

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=OFFSETS)


@given(INSTANTS)
def test_an_instant_crosses_the_wire_to_the_millisecond(at: datetime) -> None:
    assert timedelta(0) <= at - from_ms(to_ms(at)) < timedelta(milliseconds=1)
    assert to_ms(from_ms(to_ms(at))) == to_ms(at)


def test_a_naive_time_is_no_instant() -> None:
    with pytest.raises(TypeError):
        to_ms(datetime(2026, 1, 1))


def test_the_fixed_clock_stands_until_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    assert clock.now() == clock.now()
    assert clock.advance(timedelta(hours=2)) == clock.now() == datetime(2026, 3, 1, 2, tzinfo=UTC)


def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
