"""Profiles of columns of times: missing rates, the range, and what lies far outside of it.

A date moves on with the calendar, so its distribution always differs from the reference's and is
only shown. What counts are missing and unreadable values, and dates that are far out: a sentinel
such as 9999-12-31, or seconds that are read as milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from pilothouse.monitoring.binning import Grid
from pilothouse.monitoring.column_values import (
    MISSING_TIME,
    Times,
    UnreadableProfile,
    read_times,
)
from pilothouse.monitoring.distances import Counts
from pilothouse.monitoring.kinds import Kind

if TYPE_CHECKING:
    import pandas as pd

DAY = 24 * 60 * 60 * 1_000  # milliseconds
MIN_REACH, MIN_LAG_REACH = 3_653 * DAY, 366 * DAY
TIME_BINS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeReference:
    """A column of times of the reference; its first and last one in milliseconds since 1970.

    `lags` are the smallest and the largest distance from a row's event time, None where the rows
    have no event times. `bin_counts` are rows by the bins that pages draw. Dates have
    no intraclass correlation, as no test weighs their distribution; which are missing has one.
    """

    kind: ClassVar[Kind] = "time"
    name: str
    rows: int
    missing: int
    low: int
    high: int
    bins: Grid
    bin_counts: Counts
    lags: tuple[int, int] | None = None
    intraclass: float = 0.0
    missing_intraclass: float = 0.0

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True)
class TimeWindow:
    """A column of times of a window; `low` and `high` are 0 without any value.

    `far` counts those far outside of the reference, `unreadable` rows with a value that is not a
    time, such as `example`.
    """

    name: str
    rows: int
    missing: int
    low: int
    high: int
    bin_counts: Counts
    far: int = 0
    unreadable: int = 0
    example: str = ""

    @property
    def present(self) -> int:
        """Rows that have a readable value."""
        return self.rows - self.missing - self.unreadable


def time_reference(name: str, column: pd.Series[Any], at: Times | None = None) -> TimeReference:
    """The reference's profile of a column of times; `at` are the rows' event times.

    Raises UnreadableProfile.
    """
    times = read_times(column)
    if times.unreadable:
        raise UnreadableProfile(not_times(times.example))
    has_value = times.values != MISSING_TIME
    values = np.sort(times.values[has_value])
    bins = _bins(values)
    lags = None
    if at is not None and len(values):
        distances = times.values[has_value] - at[has_value]
        lags = (int(distances.min()), int(distances.max()))
    return TimeReference(
        name,
        len(column),
        len(column) - len(values),
        int(values[0]) if len(values) else 0,
        int(values[-1]) if len(values) else 0,
        bins,
        bins.count(values.astype(np.float64)),
        lags,
    )


def not_times(example: str) -> str:
    """What is wrong with a column of times that has such a value."""
    return f"it holds values that are not times, such as {example!r}"


def time_window(
    reference: TimeReference, column: pd.Series[Any], at: Times | None = None
) -> TimeWindow:
    """A window's profile of a column of times; `at` are the rows' event times."""
    times = read_times(column)
    has_value = times.values != MISSING_TIME
    values = times.values[has_value]
    return TimeWindow(
        reference.name,
        len(column),
        times.missing,
        int(values.min()) if len(values) else 0,
        int(values.max()) if len(values) else 0,
        reference.bins.count(np.sort(values).astype(np.float64)),
        int(_is_far(reference, values, None if at is None else at[has_value]).sum()),
        times.unreadable,
        times.example,
    )


def _is_far(reference: TimeReference, values: Times, at: Times | None) -> npt.NDArray[np.bool_]:
    """Which times lie far outside of the reference's.

    That is by ten years, or by the whole range of the reference where that is longer: the calendar
    itself moves dates on by less. Where the distances from event times are known, it must be
    unusual by these too, by a year or by their range.
    """
    if not reference.present or not len(values):
        return np.zeros(len(values), dtype=bool)
    reach = max(reference.high - reference.low, MIN_REACH)
    newest = reference.high if at is None else max(reference.high, int(at.max()))
    far: npt.NDArray[np.bool_] = (values < reference.low - reach) | (values > newest + reach)
    if reference.lags is None or at is None:
        return far
    low, high = reference.lags
    reach = max(high - low, MIN_LAG_REACH)
    lags = values - at
    beyond_reference = (values < reference.low) | (values > reference.high)
    return beyond_reference & ((lags < low - reach) | (lags > high + reach))


def _bins(values: Times) -> Grid:
    """Bins of equal width over the reference's times, and one beyond each end."""
    if not len(values):
        return Grid(np.empty(0), ("all",))
    cuts = np.unique(np.linspace(values[0], max(values[-1], values[0] + DAY), TIME_BINS + 1))
    names = [format_time(int(cut)) for cut in cuts]
    inner = [f"from {name}" for name in names[:-1]]
    return Grid(cuts.astype(np.float64), (f"before {names[0]}", *inner, f"after {names[-1]}"))


def format_time(milliseconds: int) -> str:
    """The day of an instant; of one that no calendar has, its milliseconds."""
    try:
        return f"{EPOCH + timedelta(milliseconds=milliseconds):%Y-%m-%d}"
    except OverflowError:
        return f"{milliseconds:,} ms"
