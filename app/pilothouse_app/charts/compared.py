"""Charts of a comparison: differences with intervals, influence of parameters, histories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import MOST_SERIES, blank, dashed, floats, thinned
from pilothouse_app.charts.curves import FEW_STEPS, line
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {"better": "good", "worse": "bad"}
MOST_PARAMS = 14


def differences(
    frame: pd.DataFrame, *, dark: bool, title: str, tolerance: float | None = None, digits: str = ""
) -> go.Figure:
    """A difference to the baseline by run, with its interval (columns label, delta, low, high,
    verdict, comparable); the first run on top.

    What is not comparable, or within noise, is grey, the first without an interval, which may be
    wide; a band shows the tolerance.
    """
    colours = palette(dark)
    rows = frame.iloc[::-1]
    chart = blank(dark, x=title, legend=False, hover="closest")
    tones = [
        getattr(colours, VERDICTS.get(verdict, "muted")) if fair else colours.muted
        for verdict, fair in zip(rows["verdict"], rows["comparable"], strict=True)
    ]
    for row, tone in zip(rows.to_dict("records"), tones, strict=True):
        label, delta, low, high = (row[name] for name in ("label", "delta", "low", "high"))
        if row["comparable"] and not (math.isnan(low) or math.isnan(high)):
            chart.add_scatter(
                x=[low, high],
                y=[label, label],
                mode="lines",
                line={"width": 3, "color": tone},
                hoverinfo="skip",
            )
        chart.add_scatter(
            x=[delta],
            y=[label],
            mode="markers",
            marker={"size": 10, "color": tone},
            hovertemplate=f"%{{y}}: %{{x:+{digits or '.4f'}}}<extra></extra>",
        )
    if tolerance:
        chart.add_vrect(
            x0=-tolerance, x1=tolerance, fillcolor=colours.muted, opacity=0.12, line_width=0
        )
    chart.add_vline(x=0, line={"color": colours.muted, "width": 1.5, "dash": "dash"})
    chart.update_xaxes(showgrid=True, tickformat=f"+{digits}" if digits else None)
    return chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")


def influence(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Importance by parameter (columns param, importance, std, correlation), the largest on top.

    The colour says whether the metric rises or falls with the parameter; grey for words.
    """
    colours = palette(dark)
    rows = frame.head(MOST_PARAMS).iloc[::-1]
    chart = blank(dark, x="Loss of fit when its values are shuffled", legend=False, hover="closest")
    tones = [
        colours.reference
        if math.isnan(value)
        else colours.categorical[0]
        if value >= 0
        else colours.categorical[1]
        for value in rows["correlation"]
    ]
    words = ["no order" if math.isnan(v) else f"{v:+.2f}" for v in rows["correlation"]]
    chart.add_bar(
        x=floats(rows["importance"].clip(lower=0)),
        y=[str(name) for name in rows["param"]],
        orientation="h",
        marker={"color": tones},
        error_x={
            "type": "data",
            "array": floats(rows["std"]),
            "color": colours.muted,
            "thickness": 1,
            "width": 3,
        },
        customdata=words,
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
    figure = blank(dark, x=x_title, y=title)
    colours = palette(dark).categorical
    for place, run in enumerate(list(names)[:MOST_SERIES]):
        rows = frame[frame["run"] == run]
        if rows.empty:
            continue
        rows = rows.iloc[thinned(len(rows))]
        figure.add_scatter(
            x=floats(rows[x]),
            y=floats(rows["value"]),
            name=names[run],
            mode="lines" if len(rows) > 1 else "markers",
            line=line(colours[place], run == baseline),
        )
    if x == "step" and len(frame) and frame["step"].max() <= FEW_STEPS:
        figure.update_xaxes(dtick=1)
    if target is not None:
        dashed(figure, dark, y=target, label="target", bad=False)
    if log:
        figure.update_yaxes(type="log")
    return figure.update_layout(showlegend=len(names) > 1)
