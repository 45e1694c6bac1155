"""Hours, days, weeks and months of a time zone, numbered, with the instants at which they begin.

A period begins at the first instant at which the zone's clocks show its beginning or later. So the
beginnings never go back, and what lies between two of them covers all time once: where clocks skip
midnight, the day begins when they go on; where midnight comes twice, with the first one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

CalendarPeriod = Literal["hour", "day", "week", "month"]
HOUR = timedelta(hours=1)
ZERO = timedelta(0)
SECOND = timedelta(seconds=1)


def index_of(zone: tzinfo, period: CalendarPeriod, at: datetime) -> int:
    """The number of the period that the zone's clocks show at an instant."""
    local = at.astimezone(zone)
    if period == "month":
        return local.year * 12 + local.month - 1
    day = local.toordinal()
    if period == "hour":
        return day * 24 + local.hour
    return (day - 1) // 7 if period == "week" else day  # the first day of all is a Monday


@lru_cache(maxsize=4096)
def start_of(zone: tzinfo, period: CalendarPeriod, index: int) -> datetime:
    """When the period of that number begins, in UTC."""
    if period == "month":
        wall = datetime(index // 12, index % 12 + 1, 1)
    elif period == "hour":
        wall = datetime.combine(date.fromordinal(index // 24), time(index % 24))
    else:
        wall = datetime.combine(
            date.fromordinal(index * 7 + 1 if period == "week" else index), time()
        )
    return _first_instant(zone, wall)


def hour_with(zone: tzinfo, at: datetime) -> tuple[datetime, datetime]:
    """The beginning and the end of the hour of the zone's clocks that an instant lies in, in UTC.

    Both hours are there where clocks are turned back by one. In the few zones that change by half
    an hour, an hour ends early where they do.
    """
    at = at.astimezone(UTC)
    minutes = _minutes(zone, at)
    start = (at + minutes).replace(minute=0, second=0, microsecond=0) - minutes
    end = start + HOUR
    if _minutes(zone, start) != minutes:
        start = _change(zone, start, at)
    if _minutes(zone, end - SECOND) != minutes:
        end = _change(zone, at, end - SECOND)
    return start, end


def _minutes(zone: tzinfo, at: datetime) -> timedelta:
    """By how much the zone's hours begin later than, or before, those of UTC: mostly not at all."""
    return _offset(zone, at) % HOUR


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or ZERO


def _first_instant(zone: tzinfo, wall: datetime) -> datetime:
    before = wall.replace(tzinfo=zone).astimezone(UTC)  # the first of two, where it comes twice
    if before.astimezone(zone).replace(tzinfo=None) == wall:
        return before
    # Clocks skip it: read by the offset before the change it is after that, and the other way.
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, after, before)


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The first whole second with the offset of `after`, where it changes once in between."""
    low, high = before.replace(microsecond=0), after.replace(microsecond=0)
    offset = _offset(zone, high)
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2)
        low, high = (low, middle) if _offset(zone, middle) == offset else (middle, high)
    return high
