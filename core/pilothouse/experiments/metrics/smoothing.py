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
X_AXES = (STEP, RELATIVE, WALL, METRIC)
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

    x_axis: str = STEP
    x_metric: str = ""
    smoothing: float = 0.0
    low: float | None = None
    high: float | None = None
    max_points: int = MAX_POINTS

    def check(self) -> None:
        """Raise Invalid, naming what cannot be."""
        wrong = {
            "over": "" if self.x_axis in X_AXES else f"is none of {', '.join(X_AXES)}",
            "against": "choose a metric" if self.x_axis == METRIC and not self.x_metric else "",
            "weight": "" if 0 <= self.smoothing < 1 else "must be 0 to below 1",
            "most": ""
            if self.max_points >= history.MIN_POINTS
            else f"must be {history.MIN_POINTS} or more",
        }
        if faults := {name: reason for name, reason in wrong.items() if reason}:
            raise Invalid("this course cannot be drawn.", fields=faults)


def curves(
    session: Session, run_id: str, keys: Sequence[str], options: CurveOptions
) -> pd.DataFrame:
    """The courses of a run's metrics: a frame of `COLUMNS`, by key (in the order given) and x.

    Raises NotFound without the run, Invalid when the course cannot be.
    """
    return poll(session, run_id, keys, options)[0]


def poll(
    session: Session,
    run_id: str,
    keys: Sequence[str],
    options: CurveOptions,
    previous: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The courses, and the points to hand in as `held` next time for the same run and metrics.

    Of a run that goes on only what came since then is read.
    """
    options.check()
    run = require(session, run_id)
    needed = [*keys, options.x_metric] if options.x_axis == METRIC else list(keys)
    since = None if previous is None else previous.attrs[history.CURSOR]
    later = history.history(session, [run_id], list(dict.fromkeys(needed)), since=since)
    points = later if previous is None else _append_points(previous, later)
    return _draw_curves(points, keys, run.started_at or run.created_at, options), points


def _append_points(previous: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """What is held and what came later; a series that is told anew takes its old one's place."""
    import pandas as pd

    anew = [key for _, key in later.attrs[history.WHOLE]]
    parts_to_join = [previous[~previous["key"].isin(anew)], later]
    # Who looks on for days holds no more than a screen can tell apart, many times over.
    parts = [_limit_points(rows) for _, rows in pd.concat(parts_to_join).groupby("key", sort=False)]
    points = pd.concat(parts, ignore_index=True) if parts else later
    points.attrs = dict(later.attrs)
    return points


def _limit_points(rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) <= MAX_CACHED_POINTS:
        return rows
    return rows.iloc[history.thin(rows["value"].to_numpy(), MAX_CACHED_POINTS // 2)]


def _draw_curves(
    points: pd.DataFrame, keys: Sequence[str], began: datetime, options: CurveOptions
) -> pd.DataFrame:
    import pandas as pd

    x_metric = points[points["key"] == options.x_metric] if options.x_axis == METRIC else None
    frames = [_draw_curve(points[points["key"] == key], began, options, x_metric) for key in keys]
    return pd.concat([f for f in frames if len(f)] or frames[:1] or [_empty()], ignore_index=True)


def _empty() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS))


def _draw_curve(
    points: pd.DataFrame, began: datetime, options: CurveOptions, x_metric: pd.DataFrame | None
) -> pd.DataFrame:
    curve = _with_x(points, began, options, x_metric)
    curve = curve.assign(smooth=smooth(curve["value"].to_numpy(), options.smoothing))
    low = float("-inf") if options.low is None else options.low
    high = float("inf") if options.high is None else options.high
    curve = curve[curve["x"].between(low, high)]
    if len(curve) > options.max_points:
        curve = curve.iloc[history.thin(curve["value"].to_numpy(), options.max_points)]
    return curve[list(COLUMNS)]


def _with_x(
    points: pd.DataFrame, began: datetime, options: CurveOptions, x_metric: pd.DataFrame | None
) -> pd.DataFrame:
    """The points with their x, in the order in which a line joins them."""
    if options.x_axis == STEP:
        return points.assign(x=points["step"].astype("float64"))
    if x_metric is None:
        seconds = (points["at"] - began).dt.total_seconds()
        return points.assign(x=seconds).sort_values(["x", "step"], kind="stable")
    x = x_metric.drop_duplicates("step", keep="last").set_index("step")["value"]
    return points.assign(x=points["step"].map(x)).dropna(subset=["x"])


def smooth(values: Floats, weight: float) -> Floats:
    """Exponential smoothing without its bias towards zero at the start; a gap stays a gap."""
    import numpy as np
    import pandas as pd

    smoothed = np.array(values, dtype=np.float64)
    finite = np.isfinite(smoothed)
    if weight and finite.any():
        smoothed[finite] = pd.Series(smoothed[finite]).ewm(alpha=1 - weight, adjust=True).mean()
        smoothed[~finite] = np.nan
    return smoothed
