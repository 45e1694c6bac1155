"""A deployment's windows over time: how good, how far off, how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import (
    MAX_SERIES,
    empty_figure,
    floats,
    literal,
    threshold_line,
    with_opacity,
)
from pilothouse_app.charts.palette import palette
from pilothouse_app.charts.series import STATES

if TYPE_CHECKING:
    import pandas as pd

TWO_SIDED_95 = 1.96


def status_over_time(
    frame: pd.DataFrame,
    *,
    dark: bool,
    value: str,
    status: str,
    reference: float | None = None,
    limit: float | None = None,
    tickformat: str = ".2f",
    unit: str = "",
    error: str = "",
    estimated: pd.DataFrame | None = None,
) -> go.Figure:
    """A metric by window (columns start, `value`, `status`), its points coloured by their status.

    `error` names a column of standard errors: then a band of 95 % lies around the line.
    `estimated` has the same columns, of what is estimated without labels: a dashed line.
    `reference` is drawn as a quiet line, `limit` as the line that must not be crossed.
    """
    colours = palette(dark)
    rows = frame[frame[value].notna()]
    chart = empty_figure(dark, legend=False)
    if estimated is not None:
        _estimated(chart, estimated[estimated[value].notna()], value, error, dark, tickformat)
    if error and rows[error].notna().any():
        band(chart, rows[rows[error].notna()], value, error, colours.reference)

    chart.add_scatter(
        x=rows["start"],
        y=floats(rows[value]),
        mode="lines+markers",
        line={"width": 1.5, "color": colours.reference},
        marker={
            "size": 7,
            "color": [getattr(colours, STATES.get(state, "muted")) for state in rows[status]],
        },
        customdata=list(rows[status]),
        hovertemplate=f"%{{y:{tickformat}}} · %{{customdata}}<extra></extra>",
    )

    if reference is not None:
        threshold_line(chart, dark, y=reference, label="reference", bad=False)
    if limit is not None:
        threshold_line(chart, dark, y=limit, label="limit")
    return chart.update_yaxes(tickformat=tickformat, title=literal(unit) if unit else None)


def _estimated(
    chart: go.Figure, rows: pd.DataFrame, value: str, error: str, dark: bool, tickformat: str
) -> None:
    """The estimated line with its band, under the observed one."""
    colour = palette(dark).accent
    if error and rows[error].notna().any():
        band(chart, rows[rows[error].notna()], value, error, colour)
    chart.add_scatter(
        x=rows["start"],
        y=floats(rows[value]),
        mode="lines+markers",
        line={"width": 1.5, "color": colour, "dash": "dot"},
        marker={"size": 4, "color": colour},
        hovertemplate=f"%{{y:{tickformat}}} · estimated<extra></extra>",
    )


def band(chart: go.Figure, rows: pd.DataFrame, value: str, error: str, colour: str) -> None:
    """Where the true value lies with 95 %: the value less and plus 1.96 standard errors."""
    for sign, fill in ((-1, None), (1, "tonexty")):
        chart.add_scatter(
            x=rows["start"],
            y=floats(rows[value] + sign * TWO_SIDED_95 * rows[error]),
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=with_opacity(colour, 0.18),
            hoverinfo="skip",
            showlegend=False,
        )


def rows_over_time(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Rows by window, and how many of them have a label (columns start, rows, labelled)."""
    colours = palette(dark)
    chart = empty_figure(dark)

    chart.add_bar(
        x=frame["start"],
        y=floats(frame["rows"]),
        name="predictions",
        marker={"color": with_opacity(colours.accent, 0.35)},
        hovertemplate="%{y:,.0f}",
    )

    chart.add_bar(
        x=frame["start"],
        y=floats(frame["labelled"]),
        name="labelled",
        marker={"color": colours.accent},
        hovertemplate="%{y:,.0f}",
    )

    chart.update_yaxes(tickformat=",d", rangemode="tozero")
    return chart.update_layout(barmode="overlay")


def lines_over_time(frame: pd.DataFrame, *, dark: bool) -> go.Figure:
    """The other columns by window (column start), a line each; shares as percentages."""
    chart = empty_figure(dark)
    names = [name for name in frame.columns if name != "start" and frame[name].notna().any()]
    colours = palette(dark).categorical
    is_share = bool(names) and all(frame[name].dropna().between(0, 1).all() for name in names)
    tickformat = ".0%" if is_share else ".4~g"

    for index, name in enumerate(names[:MAX_SERIES]):
        chart.add_scatter(
            x=frame["start"],
            y=floats(frame[name]),
            name=literal(name),
            mode="lines+markers",
            line={"width": 1.8, "color": colours[index]},
            marker={"size": 5},
            hovertemplate="%{y:.1%}" if is_share else "%{y:.4~g}",
        )

    return chart.update_yaxes(tickformat=tickformat)
