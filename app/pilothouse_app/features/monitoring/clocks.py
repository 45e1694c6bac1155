"""Times of windows as the clocks of their own time zone show them, for charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.monitoring.window_selection import ALL, WindowSelection
from pilothouse.monitoring.windows import DEFAULT_ZONE
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

TIMES = ("start", "end", "at", "first", "fired", "cleared")


def trend_of(
    deployment: str,
    check: str,
    *,
    signal: str | None = None,
    selection: WindowSelection = ALL,
) -> pd.DataFrame:
    """A check over the windows, in the time zone of the newest one."""
    trend = workspace().monitoring.trend(deployment, check, signal=signal, selection=selection)
    return in_own_zone(trend)


def in_own_zone(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of windows, oldest first, with its times in the time zone of the newest one."""
    return in_zone(frame, frame["zone"].iloc[-1] if len(frame) else None)


def in_zone(frame: pd.DataFrame, zone: str | None) -> pd.DataFrame:
    """A frame with its times in a time zone; None is UTC."""
    times = [name for name in TIMES if name in frame and hasattr(frame[name], "dt")]
    return frame.assign(**{n: frame[n].dt.tz_convert(zone or DEFAULT_ZONE) for n in times})
