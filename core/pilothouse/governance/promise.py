"""Whether what was promised of a version came: a figure on frozen rows against live windows.

The live figure is the mean of the windows', weighted by their labels. Windows are looked at again
and again, so its interval is a confidence sequence, the mixture of normals of Robbins (Annals of
Mathematical Statistics 41, 1970): it covers at every look, however many there are. Windows that
scatter more than their standard errors explain, because the rows of a day resemble each other,
count for less. Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FULFILLED, CONTRADICTED, UNDECIDED = "kept", "contradicted", "not yet known"
LEVEL = 0.05  # how often an interval may fail at any look, on both sides together
NORMAL = 1.96  # of the rows that promised, which are looked at once
FEWEST_WINDOWS = 3
# The scatter is not underestimated more often than this: that of few windows says little.
SCATTER_LEVEL = 0.1


@dataclass(frozen=True)
class LiveWindow:
    """The figure of one window with its standard error and its number of labels."""

    value: float
    error: float
    labels: int


@dataclass(frozen=True)
class Promise:
    """A figure that was measured before a decision, with the standard error of its rows.

    `champion` is the figure of the version that was in production, on the same rows, and `low` and
    `high` the interval of the gain over it; each is None where there is none.
    """

    figure: float
    error: float
    higher_is_better: bool
    champion: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def gain(self) -> float | None:
        """The promised figure less the champion's."""
        return None if self.champion is None else self.figure - self.champion

    @property
    def floor(self) -> float:
        """The worst figure that agrees with the promise.

        It is the figure with the pessimistic end of the gain, less the error of its rows.
        """
        sign = 1.0 if self.higher_is_better else -1.0
        figure = self.figure
        pessimistic = self.low if self.higher_is_better else self.high
        if self.champion is not None and pessimistic is not None:
            figure = self.champion + pessimistic
        return figure - sign * NORMAL * self.error


@dataclass(frozen=True)
class LiveFigure:
    """What came: the figure of all windows with an interval that holds at every look."""

    value: float
    low: float
    high: float
    labels: int
    windows: int


@dataclass(frozen=True)
class Verification:
    """What became of a promise; `look` is the number of windows at which it was contradicted."""

    state: str
    live: LiveFigure | None
    look: int | None = None


def verify(promise: Promise, windows: Sequence[LiveWindow]) -> Verification:
    """Look at a promise after each window, the oldest first.

    Contradicted when the whole live interval is worse than the promise's floor at any look, kept
    when none of it is at the last one.
    """
    looks = live_figures(windows)
    if not looks:
        return Verification(UNDECIDED, None)
    for live in looks:
        if _worst_side(promise, live)[1] < 0:
            return Verification(CONTRADICTED, looks[-1], live.windows)
    at_least = _worst_side(promise, looks[-1])[0] >= 0
    return Verification(FULFILLED if at_least else UNDECIDED, looks[-1])


def live_figures(windows: Sequence[LiveWindow]) -> list[LiveFigure]:
    """The live figure at each look from `FEWEST_WINDOWS` on."""
    figures: list[LiveFigure] = []
    first = 0.0
    for count in range(FEWEST_WINDOWS, len(windows) + 1):
        value, error = pooled(windows[:count])
        first = first or error
        width = half_width(error, first)
        labels = sum(window.labels for window in windows[:count])
        figures.append(LiveFigure(value, value - width, value + width, labels, count))
    return figures


def pooled(windows: Sequence[LiveWindow]) -> tuple[float, float]:
    """The mean weighted by labels, and its standard error, inflated where windows scatter."""
    total = sum(window.labels for window in windows)
    value = sum(window.labels * window.value for window in windows) / total
    within = math.sqrt(sum((window.labels * window.error) ** 2 for window in windows)) / total
    return value, within * math.sqrt(scatter(windows))


def scatter(windows: Sequence[LiveWindow]) -> float:
    """How many times the variance of the windows is what their errors say, at least 1.

    It is the upper end of what their scatter allows: few windows are judged with caution.
    """
    from scipy.special import chdtri

    weights = [window.error**-2 for window in windows]
    mean = sum(w * window.value for w, window in zip(weights, windows, strict=True)) / sum(weights)
    squares = sum(
        w * (window.value - mean) ** 2 for w, window in zip(weights, windows, strict=True)
    )
    return max(1.0, squares / float(chdtri(len(windows) - 1, 1 - SCATTER_LEVEL)))


def half_width(error: float, first: float, level: float = LEVEL) -> float:
    """Half the width of a confidence sequence whose first look has the standard error `first`.

    It is narrowest, for its kind, about there.
    """
    information = error**-2
    prior = first**-2 / (2 * math.log(1 / level) + math.log(1 + 2 * math.log(1 / level)))
    total = information + prior
    return math.sqrt(total * math.log(total / (prior * level**2))) / information


def _worst_side(promise: Promise, live: LiveFigure) -> tuple[float, float]:
    """How far the worse and the better end of the live interval are above the floor."""
    ends = (live.low - promise.floor, live.high - promise.floor)
    return ends if promise.higher_is_better else (-ends[1], -ends[0])
