"""A deployment's life on one time axis: its metric with a band, its drift, and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import (
    date_pattern,
    empty_figure,
    floats,
    literal,
    threshold_line,
    with_opacity,
)
from pilothouse_app.charts.palette import Palette, palette
from pilothouse_app.charts.series import STATES
from pilothouse_app.charts.windows import band

if TYPE_CHECKING:
    import pandas as pd

# kind of event -> its name in the legend, its colour and its mark
KINDS: Mapping[str, tuple[str, str, str]] = {
    "alert": ("Alert fired", "bad", "triangle-down"),
    "cleared": ("Alert cleared", "good", "triangle-up"),
    "deployment": ("Deployment", "accent", "diamond"),
    "data": ("Data", "muted", "square"),
    "model": ("Promotion", "text", "star"),
    "retraining": ("Retraining", "warn", "cross"),
}
METRIC, DRIFT, EVENTS = [0.40, 0.90], [0.0, 0.27], [0.93, 1.0]


def annotated_timeline(
    metric: pd.DataFrame,
    drift: pd.DataFrame,
    events: pd.DataFrame,
    *,
    dark: bool,
    title: str,
    tickformat: str = ".2f",
    estimate: pd.DataFrame | None = None,
) -> go.Figure:
    """The metric above, the share of drifted columns below, events as marks on top of both.

    `metric`, `estimate` and `drift` are trends (columns start, score, status, standard_error,
    reference, threshold), `events` have at, kind and text.
    """
    colours = palette(dark)
    chart = empty_figure(dark, hover="closest")
    _metric(chart, metric, title, tickformat, colours)
    if estimate is not None and estimate["score"].notna().any():
        rows = estimate[estimate["score"].notna()]
        chart.add_scatter(
            x=rows["start"],
            y=floats(rows["score"]),
            mode="lines",
            name="Estimated",
            line={"width": 1.5, "color": colours.accent, "dash": "dot"},
            hovertemplate=f"%{{y:{tickformat}}} estimated<extra></extra>",
        )
    _drift(chart, drift, colours)
    _events(chart, events, colours)
    _limits(chart, metric, dark)

    chart.update_layout(
        yaxis={"domain": METRIC, "tickformat": tickformat, "title": literal(title)},
        yaxis2={
            "domain": DRIFT, "anchor": "x", "tickformat": ".0%", "range": [0, 1.04],
            "title": "Drifted columns",
        },
        yaxis3={"domain": EVENTS, "anchor": "x", "visible": False, "range": [-1, 1]},
    )  # fmt: skip
    return chart.update_xaxes(anchor="y2")


def _metric(
    chart: go.Figure, trend: pd.DataFrame, title: str, tickformat: str, colours: Palette
) -> None:
    rows = trend[trend["score"].notna()]
    date = date_pattern(rows["start"])
    measured = rows[rows["standard_error"].notna()]
    if len(measured):
        band(chart, measured, "score", "standard_error", colours.reference)
    chart.add_scatter(
        x=rows["start"],
        y=floats(rows["score"]),
        mode="lines+markers",
        name=literal(title),
        line={"width": 1.5, "color": colours.reference},
        marker={
            "size": 6,
            "color": [getattr(colours, STATES.get(state, "muted")) for state in rows["status"]],
        },
        customdata=list(rows["status"]),
        hovertemplate=f"%{{x|{date}}}: %{{y:{tickformat}}} · %{{customdata}}<extra></extra>",
        showlegend=False,
    )


def _limits(chart: go.Figure, trend: pd.DataFrame, dark: bool) -> None:
    last = trend[trend["reference"].notna()].tail(1)
    if len(last):
        threshold_line(chart, dark, y=float(last["reference"].iloc[0]), label="expected", bad=False)
        if last["threshold"].notna().all():
            threshold_line(chart, dark, y=float(last["threshold"].iloc[0]), label="limit")


def _drift(chart: go.Figure, trend: pd.DataFrame, colours: Palette) -> None:
    rows = trend[trend["score"].notna()]
    date = date_pattern(rows["start"])
    chart.add_bar(
        x=rows["start"],
        y=floats(rows["score"]),
        yaxis="y2",
        name="Drifted columns",
        marker={
            "color": [
                with_opacity(getattr(colours, STATES.get(state, "muted")), 0.75)
                for state in rows["status"]
            ]
        },
        hovertemplate=f"%{{x|{date}}}: %{{y:.0%}} of the columns<extra></extra>",
        showlegend=False,
    )


def _events(chart: go.Figure, events: pd.DataFrame, colours: Palette) -> None:
    """A mark for each event, and a thin line from it through both panels."""
    for kind, (name, role, symbol) in KINDS.items():
        rows = events[events["kind"] == kind]
        if rows.empty:
            continue
        colour = getattr(colours, role)
        chart.add_scatter(
            x=rows["at"],
            y=[0.0] * len(rows),
            yaxis="y3",
            mode="markers",
            name=name,
            marker={"size": 10, "symbol": symbol, "color": colour},
            customdata=[literal(text) for text in rows["text"]],
            hovertemplate="%{x|%-d %b %Y}: %{customdata}<extra></extra>",
        )
        for at in rows["at"]:
            chart.add_shape(
                type="line", x0=at, x1=at, y0=0, y1=EVENTS[0], xref="x", yref="paper",
                line={"width": 1, "color": with_opacity(colour, 0.35)}, layer="below",
            )  # fmt: skip
