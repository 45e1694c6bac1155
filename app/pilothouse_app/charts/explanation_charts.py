"""Explanations: rates of groups, how an answer depends on a column, what columns add to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from pilothouse_app.charts.base import distinct, empty_figure, floats, literal, with_opacity
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

ROW_PIXELS, FRAME_PIXELS = 26, 56
MAX_CONTRIBUTIONS = 15


def rates_by_group(frame: pd.DataFrame, *, dark: bool, title: str, is_share: bool) -> go.Figure:
    """A rate of each group with its interval (columns group, mean, low, high); the first on top."""
    colours = palette(dark)
    rows = frame.iloc[::-1]
    chart = empty_figure(dark, x=title, legend=False, hover="closest")
    chart.add_scatter(
        x=floats(rows["mean"]),
        y=distinct(rows["group"]),
        mode="markers",
        marker={"color": colours.accent, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": floats(rows["high"] - rows["mean"]),
            "arrayminus": floats(rows["mean"] - rows["low"]),
            "color": colours.muted,
            "thickness": 1.4,
            "width": 4,
        },
        hovertemplate="%{y}: %{x:.1%}" if is_share else "%{y}: %{x:.4g}",
        name="",
    )
    chart.update_xaxes(showgrid=True, tickformat=".0%" if is_share else None)
    return chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")


def contributions(frame: pd.DataFrame, *, dark: bool, title: str) -> go.Figure:
    """What columns add to an answer (columns label, contribution, error); the largest on top."""
    colours = palette(dark)
    rows = frame.head(MAX_CONTRIBUTIONS).iloc[::-1]
    chart = empty_figure(dark, x=title, legend=False, hover="closest")
    chart.add_bar(
        x=floats(rows["contribution"]),
        y=distinct(rows["label"]),
        orientation="h",
        marker={
            "color": [colours.accent if value >= 0 else colours.warn
                      for value in rows["contribution"]]
        },
        error_x={
            "type": "data", "array": floats(rows["error"].astype(float).fillna(0)),
            "color": colours.muted, "thickness": 1, "width": 3,
        },
        hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
    )  # fmt: skip
    chart.add_vline(x=0, line={"color": colours.muted, "width": 1})
    chart.update_xaxes(showgrid=True)
    return chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")


def rows_height(rows: int, most: int = MAX_CONTRIBUTIONS) -> int:
    """The height in pixels of a chart with a row for each column or group."""
    return FRAME_PIXELS + ROW_PIXELS * max(min(rows, most), 2)


def dependence_curves(
    values: Sequence[Any],
    means: Mapping[str, Sequence[float]],
    single_rows: Sequence[Sequence[float]],
    *,
    dark: bool,
    x: str,
    y: str,
) -> go.Figure:
    """The mean answer by value of a column, a line an output; single rows thin behind the first.

    Values that are no numbers are categories, with a bar each.
    """
    colours = palette(dark)
    chart = empty_figure(dark, x=x, y=y, legend=len(means) > 1, hover="closest")
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool)
                    for value in values)  # fmt: skip
    places: Any = floats(values) if is_number else distinct(values)
    for row in single_rows:
        chart.add_scatter(
            x=places, y=floats(row), mode="lines", hoverinfo="skip", showlegend=False,
            line={"color": with_opacity(colours.reference, 0.35), "width": 1},
        )  # fmt: skip
    for index, (name, line) in enumerate(means.items()):
        colour = colours.categorical[index % len(colours.categorical)]
        chart.add_scatter(
            x=places, y=floats(line), name=literal(name), mode="lines+markers",
            line={"color": colour, "width": 2.4}, marker={"color": colour, "size": 6},
            hovertemplate="%{x}: %{y:.4g}",
        )  # fmt: skip
    if not is_number:
        chart.update_xaxes(type="category")
    return chart
