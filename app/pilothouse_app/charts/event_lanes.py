"""The events of a history: a lane for each kind, a mark for each event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure, literal
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

ROLES: Mapping[str, str] = {
    "accepted": "good", "resolved": "good", "succeeded": "good", "production": "good",
    "refused": "bad", "rejected": "bad", "fired": "bad", "failed": "bad", "rolled back": "warn",
    "stopped": "warn", "declined": "warn", "archived": "muted", "registered": "muted",
    "requested": "reference",
}  # fmt: skip
MAX_TITLE = 90


def event_lanes(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Events (columns at, lane, event, title, by) over time, the lanes in order of appearance."""
    colours = palette(dark)
    chart = empty_figure(dark, legend=False, hover="closest")
    chart.add_scatter(
        x=frame["at"],
        y=[literal(lane) for lane in frame["lane"]],
        mode="markers",
        marker={
            "size": 9,
            "color": [getattr(colours, ROLES.get(event, "accent")) for event in frame["event"]],
            "line": {"width": 1, "color": colours.page},
        },
        customdata=[
            [literal(title, MAX_TITLE), literal(by)]
            for title, by in zip(frame["title"], frame["by"], strict=True)
        ],
        hovertemplate="%{x|%d %b %Y, %H:%M}: %{customdata[0]} · %{customdata[1]}<extra></extra>",
    )
    chart.update_yaxes(type="category", showgrid=True, ticksuffix="  ", autorange="reversed")
    return chart.update_xaxes(type="date", showgrid=True)
