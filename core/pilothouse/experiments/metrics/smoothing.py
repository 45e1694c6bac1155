"""Courses of metrics as a chart shows them: over what, how smooth, which stretch, how many points.

Smoothing and joining look at the whole history, and only what is drawn is thinned: a smooth line
must not change because one looks closer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session

from pilothouse.experiments.lifecycle import require
from pilothouse.experiments.metrics import history
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

STEP, RELATIVE, WALL, METRIC = "step", "relative", "wall", "metric"
OVERS = (STEP, RELATIVE, WALL, METRIC)
COLUMNS = ("key", "x", "value", "smooth", "step", "at")
MAX_POINTS = 1_000
MAX_CACHED_POINTS = 20_000


@dataclass(frozen=True)
class CurveOptions:
    """What is asked of a course.

    `over` is step, relative (seconds since the run began), wall (the same seconds, to be shown as
    instants) or metric (the value of `against` at the same step). `weight` (0 to below 1) smooths.
    `low` and `high` bound x; None leaves an end open.
    """

    over: str = STEP
    against: str = ""
    weight: float = 0.0
    low: float | None = None
    high: float | None = None
    most: int = MAX_POINTS

    def check(self) -> None:
        """Raise Invalid, naming what cannot be."""
        wrong = {
            "over": "" if self.over in OVERS else f"is none of {', '.join(OVERS)}",
            "against": "choose a metric" if self.over == METRIC and not self.against else "",
            "weight": "" if 0 <= self.weight < 1 else "must be 0 to below 1",
            "most": ""
            if self.most >= history.MIN_POINTS
            else f"must be {history.MIN_POINTS} or more",
        }
        if faults := {name: words for name, words in wrong.items() if words}:
            raise Invalid("this course cannot be drawn.", fields=faults)


def curves(
    session: Session, run_id: str, keys: Sequence[str], course: CurveOptions
) -> pd.DataFrame:
    """The courses of a run's metrics: a frame of `COLUMNS`, by key (in the order given) and x.

    Raises NotFound without the run, Invalid when the course cannot be.
    """
    return poll(session, run_id, keys, course)[0]


def poll(
    session: Session,
    run_id: str,
    keys: Sequence[str],
    course: CurveOptions,
    previous: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The courses, and the points to hand in as `held` next time for the same run and metrics.

    Of a run that goes on only what came since then is read.
    """
    course.check()
    run = require(session, run_id)
    wanted = [*keys, course.against] if course.over == METRIC else list(keys)
    since = None if previous is None else previous.attrs[history.CURSOR]
    later = history.history(session, [run_id], list(dict.fromkeys(wanted)), since=since)
    points = later if previous is None else _joined(previous, later)
    return _drawn(points, keys, run.started_at or run.created_at, course), points


def _joined(held: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """What is held and what came later; a series that is told anew takes its old one's place."""
    import pandas as pd

    anew = [key for _, key in later.attrs[history.WHOLE]]
    kept = [held[~held["key"].isin(anew)], later]
    # Who looks on for days holds no more than a screen can tell apart, many times over.
    parts = [_bounded(rows) for _, rows in pd.concat(kept).groupby("key", sort=False)]
    points = pd.concat(parts, ignore_index=True) if parts else later
    points.attrs = dict(later.attrs)
    return points


def _bounded(rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) <= MAX_CACHED_POINTS:
        return rows
    return rows.iloc[history.thin(rows["value"].to_numpy(), MAX_CACHED_POINTS // 2)]


def _drawn(
    points: pd.DataFrame, keys: Sequence[str], began: datetime, course: CurveOptions
) -> pd.DataFrame:
    import pandas as pd

    other = points[points["key"] == course.against] if course.over == METRIC else None
    frames = [_one(points[points["key"] == key], began, course, other) for key in keys]
    return pd.concat([f for f in frames if len(f)] or frames[:1] or [_empty()], ignore_index=True)


def _empty() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS))


def _one(
    points: pd.DataFrame, began: datetime, course: CurveOptions, other: pd.DataFrame | None
) -> pd.DataFrame:
    found = _placed(points, began, course, other)
    found = found.assign(smooth=smooth(found["value"].to_numpy(), course.weight))
    low = float("-inf") if course.low is None else course.low
    high = float("inf") if course.high is None else course.high
    found = found[found["x"].between(low, high)]
    if len(found) > course.most:
        found = found.iloc[history.thin(found["value"].to_numpy(), course.most)]
    return found[list(COLUMNS)]


def _placed(
    points: pd.DataFrame, began: datetime, course: CurveOptions, other: pd.DataFrame | None
) -> pd.DataFrame:
    """The points with their x, in the order in which a line joins them."""
    if course.over == STEP:
        return points.assign(x=points["step"].astype("float64"))
    if other is None:
        seconds = (points["at"] - began).dt.total_seconds()
        return points.assign(x=seconds).sort_values(["x", "step"], kind="stable")
    x = other.drop_duplicates("step", keep="last").set_index("step")["value"]
    return points.assign(x=points["step"].map(x)).dropna(subset=["x"])


def smooth(values: Floats, weight: float) -> Floats:
    """Exponential smoothing without its bias towards zero at the start; a gap stays a gap."""
    import numpy as np
    import pandas as pd

    found = np.array(values, dtype=np.float64)
    finite = np.isfinite(found)
    if weight and finite.any():
        found[finite] = pd.Series(found[finite]).ewm(alpha=1 - weight, adjust=True).mean()
        found[~finite] = np.nan
    return found
