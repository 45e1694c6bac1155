"""A column in several groups of rows: lines over the bins of a number, or cells of values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pilothouse_app.charts.base import distinct, empty_figure, floats, literal, with_opacity
from pilothouse_app.charts.palette import Palette, palette

Shares = Sequence[Sequence[float]]
ROW, MARGIN = 28, 56  # pixels
MAX_PART, MAX_GROUP, MAX_HOVER = 22, 14, 60  # characters


def group_lines(
    edges: Sequence[float],
    shares: Shares,
    groups: Sequence[str],
    *,
    dark: bool,
    ordered: bool,
    others: bool,
    is_time: bool,
    x: str = "",
) -> go.Figure:
    """The share of each group's rows by bin, one line a group.

    `ordered` groups, such as quarters, have shades of one colour; the last one is grey when it
    holds the `others`. Times are milliseconds.
    """
    chart = empty_figure(dark, x=x, y="Share of the group", hover="closest")
    colours = _colours(palette(dark), len(groups), ordered, others)
    steps = np.repeat(np.asarray(edges), 2)[1:-1]
    ticks = [np.datetime64(int(step), "ms") for step in steps] if is_time else list(steps)
    for name, heights, colour in zip(distinct(groups, _short_group), shares, colours, strict=True):
        chart.add_scatter(
            x=ticks,
            y=floats(np.repeat(np.asarray(heights), 2)),
            name=name,
            mode="lines",
            line={"color": colour, "width": 2},
            fill="tozeroy",
            fillcolor=with_opacity(colour, 0.08),
            hovertemplate="%{x}: %{y:.1%} of the group",
        )
    chart.update_yaxes(tickformat=".0%", rangemode="tozero")
    return chart


def group_cells(
    parts: Sequence[str], shares: Shares, groups: Sequence[str], *, dark: bool
) -> go.Figure:
    """The share of each group's rows by value: a row a value, a column a group."""
    colours = palette(dark)
    chart = empty_figure(dark, legend=False, hover="closest")
    ramp = colours.sequential[: 5 if dark else 7]
    cells = np.asarray(shares, dtype=np.float32).T
    chart.add_heatmap(
        x=distinct(groups, _short_group),
        y=distinct(parts, lambda part: literal(part, MAX_PART)),
        z=cells,
        customdata=[[literal(part, MAX_HOVER)] * len(groups) for part in parts],
        zmin=0,
        zmax=float(max(cells.max(initial=0.0), 0.01)),
        colorscale=[[at / (len(ramp) - 1), colour] for at, colour in enumerate(ramp)],
        showscale=False,
        xgap=2,
        ygap=2,
        texttemplate="%{z:.1%}",
        textfont={"size": 12},
        hovertemplate="%{customdata}: %{z:.1%} of %{x}<extra></extra>",
    )
    chart.update_yaxes(autorange="reversed", showgrid=False, type="category", ticksuffix="  ")
    return chart.update_xaxes(type="category", side="top", showgrid=False)


def cells_height(parts: int) -> int:
    """The height in pixels at which so many values can be read."""
    return MARGIN + ROW * parts


def _colours(colours: Palette, count: int, ordered: bool, others: bool) -> list[str]:
    if ordered:
        ramp = colours.sequential[3:]
        return [ramp[round(at * (len(ramp) - 1) / max(1, count - 1))] for at in range(count)]
    chosen = list(colours.categorical[:count])
    return [*chosen[:-1], colours.reference] if others else chosen


def _short_group(text: str) -> str:
    return literal(text, MAX_GROUP)
