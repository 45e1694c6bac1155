"""Windows of event time: whole UTC days, weeks from Monday, or months, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Invalid

Period = Literal["day", "week", "month"]
DAY = timedelta(days=1)
LENGTHS: Mapping[Period, timedelta] = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}


@dataclass(frozen=True, order=True)
class Span:
    """The instants from `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def in_ms(self) -> tuple[int, int]:
        """Both ends in milliseconds since the epoch, as the wire has them."""
        return to_ms(self.start), to_ms(self.end)


def span_of_ms(start_ms: int, end_ms: int) -> Span:
    """The span between two wire times. Raises Invalid when it is empty."""
    if end_ms <= start_ms:
        raise Invalid("a window must end after it starts.", fields={"end": "not after the start"})
    return Span(from_ms(start_ms), from_ms(end_ms))


def window_of(at: datetime, period: Period) -> Span:
    """The one window that an instant falls in."""
    start = _start(at.astimezone(UTC), period)
    return Span(start, _next(start, period))


def span_text(start: datetime, end: datetime) -> str:
    """The days of a window for people: `4 to 10 Mar 2013`."""
    last = end - timedelta(microseconds=1)
    ended = f"{last.day} {last:%b %Y}"
    if start.date() == last.date():
        return ended
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day} to {ended}"
    began = f"{start.day} {start:%b}"
    if start.year != last.year:
        began += f" {start.year}"
    return f"{began} to {ended}"


def windows_between(start: datetime, end: datetime, period: Period) -> tuple[Span, ...]:
    """The windows that any instant of start <= at < end falls in, oldest first."""
    windows: list[Span] = []
    at = start
    while at < end:
        windows.append(window_of(at, period))
        at = windows[-1].end
    return tuple(windows)


def is_of_period(span: Span, period: Period) -> bool:
    """Whether a span is about as long as the windows of a period."""
    return is_as_long(span, LENGTHS[period])


def is_as_long(span: Span, length: timedelta) -> bool:
    """Whether a span is about that long, as a month is as long as another one."""
    return abs(span.length - length) < length / 4


def require_period(name: str) -> Period:
    """The period of that name. Raises Invalid that lists the known ones."""
    for period in get_args(Period):
        if name == period:
            return period  # type: ignore[no-any-return]  # get_args forgets the literal
    raise Invalid(
        f"{name!r} is no period.",
        hint=f"Known: {', '.join(get_args(Period))}.",
        fields={"period": "unknown"},
    )


def _start(at: datetime, period: Period) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight
    if period == "week":
        return midnight - midnight.weekday() * DAY
    return midnight.replace(day=1)


def _next(start: datetime, period: Period) -> datetime:
    if period == "day":
        return start + DAY
    if period == "week":
        return start + 7 * DAY
    return (start.replace(day=28) + 4 * DAY).replace(day=1)
