"""Windows of a number of predictions: where event time is cut, once and for ever.

A window ends after the first instant with which it has its number of predictions, in the order of
their event times; those of one instant are never parted. A cut stays where it is: a prediction that
comes late falls by its event time in a window that was cut before, which then has one more and gets
a new revision, and no other window changes. What lies after the last cut, or before the first one,
waits until it is enough for a window: before the first one it is cut from there backwards. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.kit.clock import from_ms
from pilothouse.monitoring.windows import Span

if TYPE_CHECKING:
    import numpy.typing as npt

    Milliseconds = npt.NDArray[np.int64]

# Beyond all event times, and so far from the ends of a datetime that hours can be added.
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CountedWindows:
    """The windows of `size` predictions, between the instants where event time is cut, in order."""

    size: int
    cuts: tuple[datetime, ...] = ()

    @property
    def windows(self) -> tuple[Span, ...]:
        """The windows that are full, oldest first."""
        return tuple(Span(start, end, self.size) for start, end in pairwise(self.cuts))

    @property
    def waiting(self) -> tuple[Span, ...]:
        """The time that is not cut yet: before the first window, and after the last one."""
        if not self.cuts:
            return (Span(EARLIEST, LATEST),)
        return Span(EARLIEST, self.cuts[0]), Span(self.cuts[-1], LATEST)

    def windows_with(self, at: datetime) -> tuple[Span, ...]:
        """The window that an instant falls in, or the time that waits."""
        return (next(self.windows_from(at)),)

    def windows_from(self, at: datetime) -> Iterator[Span]:
        """The window of an instant and those that follow it; the time that waits comes last."""
        ends = self._ends
        first = min(max(bisect_right(ends, at), 1), len(ends) - 1)
        for index in range(first, len(ends)):
            is_full = 1 < index < len(ends) - 1
            yield Span(ends[index - 1], ends[index], self.size if is_full else 0)

    @cached_property
    def _ends(self) -> tuple[datetime, ...]:
        return (EARLIEST, *self.cuts, LATEST)

    def extended(self, early: Milliseconds, late: Milliseconds) -> CountedWindows:
        """These and the new ones among predictions that wait, by event time in milliseconds.

        `early` are those before the first window, `late` those after the last one; without any
        window all are late.
        """
        late = np.sort(late)
        cuts = list(self.cuts)
        if not cuts and len(late) >= self.size:
            cuts.append(from_ms(int(late[0])))
        cuts += [from_ms(at) for at in ends_after(late, self.size)]
        # Backwards is forwards by a clock that runs the other way.
        starts = [-at + 1 for at in ends_after(np.sort(-early), self.size)]
        return replace(self, cuts=(*map(from_ms, reversed(starts)), *cuts))


def ends_after(times: Milliseconds, size: int) -> list[int]:
    """Where sorted times are cut: after each `size`, with all of the last one's millisecond."""
    ends: list[int] = []
    first = 0
    while first + size <= len(times):
        ends.append(int(times[first + size - 1]) + 1)
        first = int(np.searchsorted(times, ends[-1]))
    return ends
