"""The figure of a quality check over the versions of a dataset, with its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

COLOURS = {"passed": "good", "failed": "bad", "error": "warn"}
PERCENT, NUMBER = ",.3~%", ",.4~g"


def checked_versions(
    frame: pd.DataFrame, *, dark: bool, y: str = "", share: bool = False
) -> go.Figure:
    """A figure by version (columns version, value, low, high, status), coloured by its status.

    Limits are steps, for they may have been changed. A version that could not be measured has a
    cross at the bottom.
    """
    colours = palette(dark)
    names = [str(number) for number in frame["version"]]
    chart = empty_figure(dark, x="Version", y=y, legend=False, hover="closest")
    for end in ("low", "high"):
        _limit(chart, names, frame[end], end, colours.bad)
    measured = frame["value"].notna()
    floor = min([0.0, *frame.loc[measured, "value"]])
    chart.add_scatter(
        x=names,
        y=[float(value) for value in frame["value"].fillna(floor)],
        mode="lines+markers" if measured.all() else "markers",
        line={"width": 1.5, "color": colours.reference},
        marker={
            "size": 10,
            "symbol": ["circle" if has_value else "x" for has_value in measured],
            "color": [getattr(colours, COLOURS.get(state, "muted")) for state in frame["status"]],
        },
        customdata=list(frame["status"]),
        hovertemplate="version %{x}: %{y} · %{customdata}<extra></extra>",
    )
    chart.update_yaxes(tickformat=PERCENT if share else NUMBER, rangemode="tozero")
    chart.update_xaxes(type="category")
    return chart


def _limit(chart: go.Figure, names: list[str], values: Any, end: str, colour: str) -> None:
    if values.isna().all():
        return
    phrase = "at least" if end == "low" else "at most"
    chart.add_scatter(
        x=names,
        y=[None if limit != limit else float(limit) for limit in values],
        mode="lines" if len(names) > 1 else "markers",
        marker={"symbol": "line-ew-open", "size": 40, "color": colour},
        line={"width": 1, "dash": "dash", "shape": "hvh", "color": colour},
        hovertemplate=f"{phrase} %{{y}}<extra></extra>",
    )
