"""Values over time: lines with thresholds, points with the state of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import (
    MAX_SERIES,
    distinct,
    empty_figure,
    floats,
    literal,
    thin_indices,
    threshold_line,
    with_opacity,
)
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

STATES: Mapping[str, str] = {
    "ok": "good",
    "warn": "warn",
    "fail": "bad",
    "error": "bad",
    "insufficient": "muted",
}


def over_time(
    frame: pd.DataFrame,
    *,
    dark: bool,
    at: str,
    lines: Mapping[str, str],
    y: str = "",
    threshold: float | None = None,
    threshold_label: str = "threshold",
    area: bool = False,
    digits: int = 3,
) -> go.Figure:
    """One line per column (`lines` maps column to name), with an optional threshold."""
    colours = palette(dark).categorical
    rows = frame.iloc[thin_indices(len(frame))]
    chart = empty_figure(dark, y=y)

    for index, (column, name) in enumerate(list(lines.items())[:MAX_SERIES]):
        chart.add_scatter(
            x=rows[at],
            y=floats(rows[column]),
            name=literal(name),
            mode="lines" if len(rows) > 40 else "lines+markers",
            line={"width": 1.8, "color": colours[index]},
            marker={"size": 5},
            fill="tozeroy" if area else None,
            fillcolor=with_opacity(colours[index], 0.15) if area else None,
            hovertemplate=f"%{{y:,.{digits}f}}",
        )

    if threshold is not None:
        threshold_line(chart, dark, y=threshold, label=threshold_label)
    return chart.update_layout(showlegend=len(lines) > 1)


def states_over_time(
    frame: pd.DataFrame,
    *,
    dark: bool,
    at: str,
    value: str,
    status: str,
    y: str = "",
    threshold: float | None = None,
    threshold_label: str = "threshold",
) -> go.Figure:
    """A line of scores whose points carry the colour of their status (ok, warn, fail, ...)."""
    colours = palette(dark)
    chart = empty_figure(dark, y=y, legend=False)

    chart.add_scatter(
        x=frame[at],
        y=floats(frame[value]),
        mode="lines+markers",
        line={"width": 1.5, "color": colours.reference},
        marker={
            "size": 8,
            "color": [getattr(colours, STATES.get(state, "muted")) for state in frame[status]],
        },
        customdata=list(frame[status]),
        hovertemplate="%{y:.3f} · %{customdata}<extra></extra>",
    )

    if threshold is not None:
        threshold_line(chart, dark, y=threshold, label=threshold_label)
    return chart


def by_group(
    frame: pd.DataFrame, *, dark: bool, at: str, value: str, group: str, y: str = ""
) -> go.Figure:
    """One line per value of `group`, at most eight."""
    colours = palette(dark).categorical
    groups = list(dict.fromkeys(frame[group]))[:MAX_SERIES]
    chart = empty_figure(dark, y=y)
    drawn = distinct(groups)

    for index, name in enumerate(groups):
        rows = frame[frame[group] == name]
        rows = rows.iloc[thin_indices(len(rows))]
        chart.add_scatter(
            x=rows[at],
            y=floats(rows[value]),
            name=drawn[index],
            mode="lines" if len(rows) > 40 else "lines+markers",
            line={"width": 1.8, "color": colours[index]},
            marker={"size": 5},
            hovertemplate="%{y:,.3f}",
        )

    return chart.update_layout(showlegend=len(groups) > 1)
