"""When each step of a job ran: a bar a step, from its start to its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure, literal
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

ROLES: Mapping[str, str] = {"succeeded": "accent", "running": "warn", "failed": "bad"}
MAX_STEPS = 60


def steps_timeline(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Steps (columns seq, name, status, started_at, ended_at) as bars over time, first on top."""
    colours = palette(dark)
    rows = frame.tail(MAX_STEPS).iloc[::-1]
    starts, ends = rows["started_at"], rows["ended_at"]
    lengths = [
        max(1.0, (end - start).total_seconds() * 1000)
        for start, end in zip(starts, ends, strict=True)
    ]
    chart = empty_figure(dark, legend=False, hover="closest")

    chart.add_bar(
        base=[start.isoformat() for start in starts],
        x=lengths,
        y=[str(number) for number in rows["seq"]],
        orientation="h",
        marker={"color": [getattr(colours, ROLES.get(s, "muted")) for s in rows["status"]]},
        customdata=[
            [literal(name), length / 1000]
            for name, length in zip(rows["name"], lengths, strict=True)
        ],
        hovertemplate="%{customdata[0]}: %{customdata[1]:.1f} s<extra></extra>",
    )

    chart.update_xaxes(type="date", showgrid=True)
    chart.update_yaxes(type="category", showgrid=False, ticksuffix="  ", nticks=20)
    return chart.update_layout(bargap=0.35)
