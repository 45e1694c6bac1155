"""How a column changed, in figures that people read: missing share, mean, a category's share.

Pure: from the stored profile of a column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pilothouse.monitoring.ranking import changed_share

Unit = Literal["share", "number"]
MISSING, MEAN, VALUES = "missing", "mean", "values"
UNREADABLE, FAR_OUT = "of another type", "dates out of range"
MIN_MISSING = 0.005  # a smaller change of the share of missing rows is not reported
MIN_MEAN = 0.1  # the same of the mean, in standard deviations of the window


@dataclass(frozen=True)
class BeforeAfter:
    """One figure of a column in the reference and in the window.

    `what` is "missing" (a share of all rows), "mean", or "values": the share of the value or range
    `of`, among rows that have a value.
    """

    what: str
    before: float
    after: float
    unit: Unit
    of: str = ""

    @property
    def title(self) -> str:
        """The figure for a table: "Missing", "Mean", or the value itself."""
        return self.of if self.what == VALUES else self.what.capitalize()


def figures(profile: Mapping[str, Any]) -> tuple[BeforeAfter, ...]:
    """The figures of a column that changed, the most telling one first; none without rows.

    Missing rows lead when they are at least half of what changed.
    """
    missing = _missing(profile)
    present = _of_present(profile)
    if missing is None:
        return present
    moved = changed_share(profile)
    leads = not present or abs(missing.after - missing.before) >= moved / 2
    return (missing, *present) if leads else (*present, missing)


def _missing(profile: Mapping[str, Any]) -> BeforeAfter | None:
    sides = [profile["missing"][side] for side in ("reference", "current")]
    if not all(rows for _, rows in sides):
        return None
    before, after = (missing / rows for missing, rows in sides)
    if abs(after - before) < MIN_MISSING:
        return None
    return BeforeAfter(MISSING, before, after, "share")


def _of_present(profile: Mapping[str, Any]) -> tuple[BeforeAfter, ...]:
    """How the values that are there changed: their mean, or the value that gained most rows."""
    wrong = _wrong(profile)
    if not sum(profile["reference"]) or not sum(profile["current"]) or profile["kind"] == "time":
        return wrong
    mean = _mean(profile)
    gained = _gained_most(profile)
    return (*wrong, *(figure for figure in (mean, gained) if figure is not None))


def _wrong(profile: Mapping[str, Any]) -> tuple[BeforeAfter, ...]:
    """The shares of values that are unreadable and of dates that are far out; none without any."""
    unreadable, far = profile.get("unreadable", 0), profile.get("far", 0)
    whole = unreadable + sum(profile["current"])
    shares = ((UNREADABLE, unreadable), (FAR_OUT, far))
    return tuple(BeforeAfter(VALUES, 0.0, n / whole, "share", name) for name, n in shares if n)


def _mean(profile: Mapping[str, Any]) -> BeforeAfter | None:
    """The mean of a number, where it moved by more than a tenth of a deviation."""
    if profile["kind"] != "number":
        return None
    before, after = profile["mean"]["reference"], profile["mean"]["current"]
    deviation = math.sqrt(max(profile["spread"], 0.0) / sum(profile["current"]))
    if abs(after - before) <= MIN_MEAN * deviation or before == after:
        return None
    return BeforeAfter(MEAN, before, after, "number")


def _gained_most(profile: Mapping[str, Any]) -> BeforeAfter | None:
    """The category, or the range of numbers, whose share of the rows rose most."""
    before, after = (_shares(profile[side]) for side in ("reference", "current"))
    gains = [now - then for then, now in zip(before, after, strict=True)]
    index = max(range(len(gains)), key=gains.__getitem__)
    if gains[index] <= 0:
        return None
    name = str(profile["labels"][index])
    return BeforeAfter(VALUES, before[index], after[index], "share", name)


def _shares(counts: Sequence[float]) -> list[float]:
    whole = sum(counts)
    return [count / whole for count in counts]
