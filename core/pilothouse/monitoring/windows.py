"""Windows of event time: which one an instant falls in, in any time zone.

A scheme cuts time into windows of hours, days, weeks from Monday, or months, one after the other or
overlapping. Boundaries are those of the zone's own calendar: where clocks change, a day has 23 or
25 hours. Windows of a number of predictions follow from what was received: see `counted_windows`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Invalid
from pilothouse.monitoring.zone_calendar import hour_with, index_of, start_of

Period = Literal["hour", "day", "week", "month", "prediction"]
PREDICTION: Period = "prediction"

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
DEFAULT_ZONE = "UTC"
MAX_OVERLAP = 1_000  # windows that a row may be in

__all__ = ["DAY", "HOUR", "Period", "Span", "WindowScheme", "span_of_ms", "span_text", "start_text"]


@dataclass(frozen=True, order=True)
class Span:
    """The instants from `start` up to, and without, `end`.

    `size` is the number of predictions that it was cut after; 0 of windows of the calendar.
    """

    start: datetime
    end: datetime
    size: int = 0

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


@dataclass(frozen=True)
class WindowScheme:
    """How event time is cut into windows.

    A window has `length` periods and begins `step` periods after the one before it. Every instant
    falls in exactly `length / step` windows: in one, where both are equal. Windows of several
    periods begin at numbers of the calendar that `step` divides: of 3 months in January, April,
    July and October; of 6 hours at 0, 6, 12 and 18 o'clock. Windows of `length` predictions do not
    overlap, and no calendar says where they begin.
    """

    period: Period = "week"
    zone: str = DEFAULT_ZONE
    length: int = 1
    step: int = 1

    @property
    def is_counted(self) -> bool:
        """Whether windows have a number of predictions."""
        return self.period == PREDICTION

    @property
    def overlap(self) -> int:
        """How many windows every instant falls in."""
        return self.length // self.step

    @property
    def disjoint(self) -> WindowScheme:
        """As long windows that do not overlap."""
        return replace(self, step=self.length)

    def window_of(self, at: datetime) -> Span:
        """The window that an instant falls in; of several, the one that ends first."""
        block = self._block(at)
        start = block.start
        for _ in range(self.overlap - 1):
            start = self._block(start - TICK).start
        return Span(start, block.end)

    def windows_with(self, at: datetime) -> tuple[Span, ...]:
        """Every window that an instant falls in, the one that ends first before the others."""
        return tuple(islice(self.windows_from(at), self.overlap))

    def windows_from(self, at: datetime) -> Iterator[Span]:
        """The window of an instant and those that follow it, without an end."""
        window = self.window_of(at)
        starts = deque([window.start])
        while len(starts) < self.overlap:
            starts.append(self._block(starts[-1]).end)
        while True:
            yield window
            block = self._block(window.end)
            starts.append(block.start)
            starts.popleft()
            window = Span(starts[0], block.end)

    def windows_between(self, start: datetime, end: datetime) -> tuple[Span, ...]:
        """The windows whose last step has an instant of start <= at < end, oldest first.

        Where windows do not overlap, these are the windows that any such instant falls in.
        """
        windows: list[Span] = []
        at = start
        while at < end:
            windows.append(self.window_of(at))
            at = windows[-1].end
        return tuple(windows)

    def is_window(self, span: Span) -> bool:
        """Whether a span is a window of this scheme."""
        if self.is_counted or span.size:
            return self.is_counted and span.size == self.length
        return span.end > span.start and self.window_of(span.end - TICK) == span

    def are_alike(self, one: Span, other: Span) -> bool:
        """Whether results of two spans are comparable.

        Both are windows of this scheme; or one is not, as it was evaluated by hand or by other
        settings: then they are about as long as each other, as a month is as long as another one.
        """
        if self.is_window(other):
            return self.is_window(one)
        if one.size or other.size:
            return one.size == other.size
        return abs(one.length - other.length) < other.length / 4

    def _block(self, at: datetime) -> Span:
        """The step that an instant falls in: a window ends with each."""
        if self.period == "prediction":
            raise ValueError("windows of predictions are not of the calendar")
        zone = zone_named(self.zone)
        if self.period == "hour" and self.step == 1:
            return Span(*hour_with(zone, at))
        index = index_of(zone, self.period, at) // self.step * self.step
        # Where clocks are turned back over a boundary, the calendar's date is not yet, or no
        # longer, that of the window.
        while start_of(zone, self.period, index) > at:
            index -= self.step
        while (end := start_of(zone, self.period, index + self.step)) <= at:
            index += self.step
        return Span(start_of(zone, self.period, index), end)


def check_scheme(scheme: WindowScheme) -> None:
    """Raise Invalid for a scheme that makes no sense."""
    require_period(scheme.period)
    zone_named(scheme.zone)
    for name in ("length", "step"):
        if getattr(scheme, name) < 1:
            raise Invalid(
                f"the {name} of a window is at least 1 period.",
                fields={f"window_{name}": "below 1"},
            )
    if scheme.is_counted and scheme.step != scheme.length:
        raise Invalid(
            "windows of predictions do not overlap.",
            hint="Give window_length alone, such as 1000.",
            fields={"window_step": "not the length"},
        )
    if scheme.length % scheme.step or scheme.overlap > MAX_OVERLAP:
        raise Invalid(
            "the length of a window is a multiple of its step, up to "
            f"{MAX_OVERLAP:,} times: only then every row falls in equally many windows.",
            fields={"window_step": "does not divide the length"},
        )


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo:
    """The time zone of that IANA name. Raises Invalid."""
    if name == DEFAULT_ZONE:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as unknown:  # KeyError: ZoneInfoNotFoundError
        raise Invalid(
            f"there is no time zone {name!r}.",
            hint="Give its IANA name, such as Europe/Paris or America/New_York.",
            fields={"zone": "unknown"},
        ) from unknown


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


def scheme_text(scheme: WindowScheme) -> str:
    """A scheme for people: `hour`, `7 days, every day`, `1,000 predictions (Europe/Paris)`."""
    text = _periods(scheme.period, scheme.length)
    if scheme.step != scheme.length:
        text += f", every {_periods(scheme.period, scheme.step)}"
    return _in_zone(text, scheme.zone)


def _periods(period: Period, number: int) -> str:
    return period if number == 1 else f"{number:,} {period}s"


def span_text(start: datetime, end: datetime, zone: str | None = None) -> str:
    """A window for people, in its zone: `4 to 10 Mar 2013`, or `4 Mar 2013, 13:00 to 14:00`.

    The zone is named unless it is UTC (None).
    """
    calendar = zone_named(zone or DEFAULT_ZONE)
    local = start.astimezone(calendar)
    if is_of_days(start, end, zone):
        text = _days_text(local, (end - TICK).astimezone(calendar))
    else:
        text = _times_text(local, end.astimezone(calendar))
    return _in_zone(text, zone)


def start_text(start: datetime, end: datetime, zone: str | None = None) -> str:
    """When a window began, for a sentence: `2013-03-04`, or `2013-03-04 13:00` of hours."""
    return _in_zone(_dates(start, end, zone)[0], zone)


def ends_text(start: datetime, end: datetime, zone: str | None = None) -> str:
    """Both ends of a window as dates, the second is no longer in it: `2013-03-04 to 2013-03-11`."""
    return _in_zone(" to ".join(_dates(start, end, zone)), zone)


def _dates(start: datetime, end: datetime, zone: str | None) -> list[str]:
    pattern = "%Y-%m-%d" if is_of_days(start, end, zone) else f"%Y-%m-%d {_clock(start, end)}"
    return [
        at.astimezone(zone_named(zone or DEFAULT_ZONE)).strftime(pattern) for at in (start, end)
    ]


def _clock(start: datetime, end: datetime) -> str:
    """How times of day are written: with seconds in short windows that a calendar did not cut."""
    is_odd = any(at.second or at.microsecond for at in (start, end))
    return "%H:%M:%S" if is_odd and end - start < HOUR else "%H:%M"


def is_of_days(start: datetime, end: datetime, zone: str | None) -> bool:
    """Whether a window has whole days of its zone."""
    days = WindowScheme("day", zone or DEFAULT_ZONE)
    return all(days.window_of(at).start == at for at in (start, end))


def _in_zone(text: str, zone: str | None) -> str:
    return text if zone in (None, DEFAULT_ZONE) else f"{text} ({zone})"


def _days_text(first: datetime, last: datetime) -> str:
    ended = f"{last.day} {last:%b %Y}"
    if first.date() == last.date():
        return ended
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {ended}"
    began = f"{first.day} {first:%b}"
    if first.year != last.year:
        began += f" {first.year}"
    return f"{began} to {ended}"


def _times_text(start: datetime, end: datetime) -> str:
    """Both times, with the names of summer and winter time where clocks changed in between."""
    clock = _clock(start, end) + ("" if start.utcoffset() == end.utcoffset() else " %Z")
    began = f"{start.day} {start:%b %Y}, {start.strftime(clock)}"
    if start.date() == end.date():
        return f"{began} to {end.strftime(clock)}"
    return f"{began} to {end.day} {end:%b %Y}, {end.strftime(clock)}"
