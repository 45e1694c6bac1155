"""Time is handed in: an aware UTC instant from the workspace's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_MS = 253_402_300_799_999  # milliseconds from the epoch to the end of the year 9999
MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock for tests: it stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """The instant it was last moved to."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on by a span and return the new instant."""
        self._now += by
        return self._now


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch of an aware instant."""
    return (at - EPOCH) // MILLISECOND


def from_ms(ms: int) -> datetime:
    """The aware UTC instant of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=ms)
