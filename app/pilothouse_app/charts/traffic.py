"""Traffic of a deployment: requests and the refused among them, latencies."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import empty_figure, floats
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

Span = tuple[datetime, datetime]


def requests(frame: pd.DataFrame, span: Span, *, dark: bool) -> go.Figure:
    """Requests by time (columns at, requests, rows, errors), with the failed ones in red."""
    colours = palette(dark)
    chart = empty_figure(dark, y="Requests")
    width = _step_ms(frame, span)

    chart.add_bar(
        x=frame["at"],
        y=floats(frame["requests"]),
        name="requests",
        marker={"color": colours.accent},
        customdata=list(frame["rows"]),
        width=width,
        hovertemplate="%{y:,.0f} · %{customdata:,} rows",
    )

    chart.add_bar(
        x=frame["at"],
        y=floats(frame["errors"]),
        name="errors",
        marker={"color": colours.bad},
        width=width,
        hovertemplate="%{y:,.0f}",
    )

    chart.update_yaxes(rangemode="tozero", tickformat=",d")
    chart.update_xaxes(range=list(span))
    return chart.update_layout(barmode="overlay")


def _step_ms(frame: pd.DataFrame, span: Span) -> float:
    """How wide a bar is: the step between two, or a sixtieth of the span when there is one."""
    if len(frame) > 1:
        return float((frame["at"].iloc[1] - frame["at"].iloc[0]).total_seconds() * 900)
    return (span[1] - span[0]).total_seconds() * 1000 / 60


def latency(frame: pd.DataFrame, span: Span, *, dark: bool) -> go.Figure:
    """Median and 95th percentile of latency by time (columns at, p50_ms, p95_ms)."""
    colours = palette(dark)
    chart = empty_figure(dark, y="Latency, ms")
    names = (("p95_ms", "p95", colours.categorical[1]), ("p50_ms", "p50", colours.accent))

    for column, name, colour in names:
        chart.add_scatter(
            x=frame["at"],
            y=floats(frame[column]),
            name=name,
            mode="lines+markers",
            line={"width": 1.8, "color": colour},
            marker={"size": 5},
            hovertemplate="%{y:.1f} ms",
        )

    chart.update_xaxes(range=list(span))
    return chart.update_yaxes(rangemode="tozero")
