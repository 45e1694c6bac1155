"""How good each version of a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure, floats
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

ROLES = {"production": "good", "staging": "accent"}


def metric_by_version(frame: pd.DataFrame, *, dark: bool, value: str, y: str) -> go.Figure:
    """A metric by version number (columns number, stage), coloured by stage."""
    colours = palette(dark)
    rows = frame.sort_values("version")
    chart = empty_figure(dark, y=y, legend=False, hover="closest")

    chart.add_scatter(
        x=[f"Version {number}" for number in rows["version"]],
        y=floats(rows[value]),
        mode="lines+markers",
        line={"width": 1.5, "color": colours.reference},
        marker={
            "size": 10,
            "color": [getattr(colours, ROLES.get(stage, "muted")) for stage in rows["stage"]],
        },
        customdata=list(rows["stage"]),
        hovertemplate="%{x}: %{y:.4f} · %{customdata}<extra></extra>",
    )

    chart.update_xaxes(type="category")
    return chart
