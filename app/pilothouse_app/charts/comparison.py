"""Charts of a comparison: influence of parameters, histories over steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import (
    MAX_SERIES,
    distinct,
    empty_figure,
    floats,
    thin_indices,
    threshold_line,
)
from pilothouse_app.charts.curves import FEW_STEPS, line
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

MAX_PARAMS = 14


def param_importance(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Importance by parameter (columns param, importance, std, correlation), the largest on top.

    The colour says whether the metric rises or falls with the parameter; grey for words.
    """
    colours = palette(dark)
    rows = frame.head(MAX_PARAMS).iloc[::-1]
    chart = empty_figure(
        dark, x="Loss of fit when its values are shuffled", legend=False, hover="closest"
    )
    tones = [
        colours.reference
        if math.isnan(value)
        else colours.categorical[0]
        if value >= 0
        else colours.categorical[1]
        for value in rows["correlation"]
    ]

    correlations = ["no order" if math.isnan(v) else f"{v:+.2f}" for v in rows["correlation"]]
    chart.add_bar(
        x=floats(rows["importance"].clip(lower=0)),
        y=distinct(rows["param"]),
        orientation="h",
        marker={"color": tones},
        error_x={
            "type": "data",
            "array": floats(rows["std"]),
            "color": colours.muted,
            "thickness": 1,
            "width": 3,
        },
        customdata=correlations,
        hovertemplate="%{y}: %{x:.3f}, correlation %{customdata}<extra></extra>",
    )

    chart.update_xaxes(showgrid=True, rangemode="tozero")
    return chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")


def over_steps(
    frame: pd.DataFrame,
    *,
    dark: bool,
    title: str,
    names: Mapping[str, str],
    x: str = "step",
    x_title: str = "Step",
    baseline: str = "",
    target: float | None = None,
    log: bool = False,
) -> go.Figure:
    """One metric over a column `x` (columns run, value), a line for each run of `names`.

    A run keeps its place in `names` and so its colour, also where another has no points.
    """
    figure = empty_figure(dark, x=x_title, y=title)
    colours = palette(dark).categorical
    titles = distinct(names.values())

    for index, run in enumerate(list(names)[:MAX_SERIES]):
        rows = frame[frame["run"] == run]
        if rows.empty:
            continue
        rows = rows.iloc[thin_indices(len(rows))]
        figure.add_scatter(
            x=floats(rows[x]),
            y=floats(rows["value"]),
            name=titles[index],
            mode="lines" if len(rows) > 1 else "markers",
            line=line(colours[index], run == baseline),
        )

    if x == "step" and len(frame) and frame["step"].max() <= FEW_STEPS:
        figure.update_xaxes(dtick=1)
    if target is not None:
        threshold_line(figure, dark, y=target, label="target", bad=False)
    if log:
        figure.update_yaxes(type="log")

    return figure.update_layout(showlegend=len(names) > 1)
