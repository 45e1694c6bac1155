"""Drift of all columns over all windows at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from pilothouse_app.charts.base import date_pattern, distinct, empty_figure, floats, literal
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 24


def drift_heatmap(
    frame: pd.DataFrame, *, dark: bool, order: Sequence[str], titles: Sequence[str]
) -> go.Figure:
    """Score over threshold by window and column (columns start, column, score, threshold, noise).

    1 is the threshold, or what chance gives (`noise`) where that is larger: below it cells stay
    pale, above it they turn to the warning colours. Rows come in `order`, first on top.
    """
    colours = palette(dark)
    names = list(order)[:MAX_COLUMNS][::-1]
    starts = sorted(frame["start"].unique())
    limits = frame[["threshold", "noise"]].max(axis=1)
    ratios = (frame["score"] / limits).to_numpy(dtype=np.float32)
    places = {name: number for number, name in enumerate(names)}
    weeks = {start: number for number, start in enumerate(starts)}
    cells = np.full((len(names), len(starts)), np.nan, dtype=np.float32)
    for start, name, ratio in zip(frame["start"], frame["column"], ratios, strict=True):
        if name in places:
            cells[places[name], weeks[start]] = ratio
    row_titles = dict(zip(order, distinct(titles), strict=True))
    chart = empty_figure(dark, legend=False, hover="closest")

    chart.add_heatmap(
        x=_ticks(starts),
        y=[row_titles[name] for name in names],
        z=cells,
        zmin=0,
        zmax=3,
        colorscale=_scale(dark),
        xgap=2,
        ygap=2,
        hoverongaps=False,
        hovertemplate="%{y}, %{x}: %{z:.2f} times the threshold<extra></extra>",
        colorbar=_bar(colours.muted),
    )

    chart.update_yaxes(showgrid=False, ticksuffix="  ", type="category")
    # Names of hours are twice as long as those of days.
    most = 7 if "%H" in date_pattern(starts) else 14
    return chart.update_xaxes(type="category", nticks=most, tickangle=0)


def distributions(frame: pd.DataFrame, *, dark: bool, most_ticks: int = 8) -> go.Figure:
    """Shares of rows by bin in the reference and in a window (columns as in monitoring's bins).

    Bins of numbers are named by their lower edge; every few of them, so that words stay level.
    """
    colours = palette(dark)
    chart = empty_figure(dark, y="Share of rows")
    sides = (("reference", "Reference", colours.reference), ("current", "Window", colours.accent))

    for column, name, colour in sides:
        chart.add_bar(
            x=list(range(len(frame))),
            y=floats(frame[column]),
            name=name,
            marker={"color": colour},
            customdata=[literal(label) for label in frame["label"]],
            hovertemplate="%{customdata}: %{y:.1%}",
        )

    edges = [_edge(label, low) for label, low in zip(frame["label"], frame["low"], strict=True)]
    every = max(1, -(-len(edges) // most_ticks)) if frame["low"].notna().any() else 1
    places = list(range(0, len(edges), every))
    chart.update_xaxes(tickvals=places, ticktext=[edges[position] for position in places])
    chart.update_yaxes(tickformat=".0%")
    return chart.update_layout(bargap=0.2, bargroupgap=0.05, hovermode="closest")


def _edge(label: object, low: float) -> str:
    return literal(label) if low != low else f"{low:,.4g}"


def _ticks(starts: Sequence[datetime]) -> list[str]:
    """The first days of windows, or their hours; of another year, or an hour that comes twice, too:
    columns of one name would be one column."""
    has_hours = "%H" in date_pattern(starts)
    pattern = "%-d %b %H:%M" if has_hours else "%-d %b"
    names = [at.strftime(pattern) for at in starts]
    twice = {name for name, number in Counter(names).items() if number > 1}
    long = "%-d %b %Y, %H:%M %Z" if has_hours else "%-d %b %Y"
    return [
        at.strftime(long) if name in twice else name for at, name in zip(starts, names, strict=True)
    ]


def _scale(dark: bool) -> list[list[object]]:
    """Pale up to the threshold (a third of the range), then orange, then red."""
    colours = palette(dark)
    quiet, near = colours.sequential[0], colours.sequential[2]
    return [[0.0, quiet], [0.33, near], [0.34, colours.diverging[6]], [0.6, colours.warn],
            [1.0, colours.bad]]  # fmt: skip


def _bar(muted: str) -> dict[str, object]:
    return {
        "thickness": 8,
        "outlinewidth": 0,
        "tickvals": [0, 1, 2, 3],
        "ticktext": ["0", "threshold", "2 ×", "3 × or more"],  # noqa: RUF001
        "tickfont": {"size": 11, "color": muted},
    }
