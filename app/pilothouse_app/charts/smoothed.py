"""Courses of metrics while a run learns: the smooth line in front, the raw one faint behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from pilothouse_app.charts.base import MAX_SERIES, empty_figure, floats, literal, with_opacity
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

FEW_POINTS = 30
FEW_STEPS = 12


def smoothed(
    frame: pd.DataFrame,
    *,
    dark: bool,
    titles: Mapping[str, str],
    x: str = "",
    smooth: bool = False,
    instants: bool = False,
    log_x: bool = False,
    log_y: bool = False,
    first: int = 0,
) -> go.Figure:
    """Metrics (columns key, x, value, smooth, at) as lines, at most eight, `titles` by key.

    `instants` puts them over the instants themselves; `first` is the colour to begin with.
    """
    figure = empty_figure(dark, x=x, hover="x unified" if len(titles) > 1 else "closest")
    colours = palette(dark).categorical

    for index, (key, title) in enumerate(list(titles.items())[:MAX_SERIES]):
        rows = frame[frame["key"] == key]
        colour = colours[(first + index) % len(colours)]
        over: Any = rows["at"] if instants else floats(rows["x"])
        if smooth:
            _line(figure, over, rows["value"], with_opacity(colour, 0.28), 1.0, "", len(rows))
        line = rows["smooth"] if smooth else rows["value"]
        _line(figure, over, line, colour, 1.8, title, len(rows))

    figure.update_layout(showlegend=len(titles) > 1)
    if not instants and len(frame) and _few_whole(frame["x"]):
        figure.update_xaxes(dtick=1)
    # Plotly would write the 2 and the 5 of each decade without their zeros.
    logarithmic: dict[str, Any] = {"dtick": None, "type": "log", "tickformat": "~g"}
    figure.update_xaxes(logarithmic if log_x and not instants else {})
    figure.update_yaxes(logarithmic if log_y else {})

    return figure


def _few_whole(x: pd.Series[float]) -> bool:
    """Whether x counts a few things, between which there is nothing to mark."""
    return bool(x.max() - x.min() <= FEW_STEPS and (x % 1 == 0).all())


def _line(
    figure: go.Figure, x: Any, y: Any, colour: str, width: float, title: str, points: int
) -> None:
    named = {"name": literal(title), "hovertemplate": "%{y:.5g}" if title else None}
    behind: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(
        x=x,
        y=floats(y),
        mode="lines+markers" if points <= FEW_POINTS and title else "lines",
        line={"width": width, "color": colour},
        marker={"size": 5},
        connectgaps=False,
        **(named if title else behind),
    )
