"""Bars: ranked columns, two distributions side by side, counts over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from pilothouse_app.charts.base import distinct, empty_figure, floats, literal
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd


def ranked(
    frame: pd.DataFrame,
    *,
    dark: bool,
    label: str,
    value: str,
    title: str,
    error: str = "",
    threshold: float | None = None,
    most: int = 15,
) -> go.Figure:
    """The largest values as horizontal bars, largest on top; over `threshold` in red."""
    colours = palette(dark)
    rows = frame.nlargest(most, value).iloc[::-1]
    over = [threshold is not None and figure > threshold for figure in rows[value]]
    chart = empty_figure(dark, x=title, legend=False, hover="closest")

    chart.add_bar(
        x=floats(rows[value]),
        y=distinct(rows[label]),
        orientation="h",
        marker={"color": [colours.bad if is_over else colours.accent for is_over in over]},
        error_x=_whiskers(rows[error], colours.muted) if error else None,
        hovertemplate="%{y}: %{x:.4f}<extra></extra>",
    )

    chart.update_xaxes(showgrid=True)
    chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")
    if threshold is not None:
        chart.add_vline(x=threshold, line={"color": colours.bad, "width": 1, "dash": "dash"})
    return chart


def two_distributions(
    frame: pd.DataFrame,
    *,
    dark: bool,
    names: tuple[str, str] = ("Reference", "Current"),
    title: str = "",
) -> go.Figure:
    """Reference and current shares by bin (columns label, reference, current)."""
    colours = palette(dark)
    chart = empty_figure(dark, x=title, y="Share of rows")
    labels = distinct(frame["label"])

    for column, name, colour in zip(
        ("reference", "current"), names, (colours.reference, colours.accent), strict=True
    ):
        chart.add_bar(
            x=labels,
            y=floats(frame[column]),
            name=literal(name),
            marker={"color": colour},
            hovertemplate="%{y:.1%}",
        )

    chart.update_yaxes(tickformat=".0%")
    chart.update_xaxes(type="category")
    return chart.update_layout(bargap=0.2, bargroupgap=0.05)


def grouped(
    frame: pd.DataFrame,
    *,
    dark: bool,
    label: str,
    value: str,
    group: str,
    order: Sequence[str],
    most: int = 8,
) -> go.Figure:
    """Horizontal bars by `label`, one colour for each of the groups in `order`; largest on top."""
    colours = palette(dark).categorical
    largest = frame.groupby(label)[value].max().nlargest(most).index[::-1]
    drawn = distinct(largest)
    chart = empty_figure(dark, legend=len(order) > 1, hover="closest")
    parts = distinct(order)

    for index, part in enumerate(order):
        rows = frame[frame[group] == part].set_index(label)[value].reindex(largest)
        chart.add_bar(
            x=floats(rows),
            y=drawn,
            name=parts[index],
            orientation="h",
            marker={"color": colours[index]},
            hovertemplate="%{y}: %{x:.4f}",
        )

    chart.update_xaxes(showgrid=True)
    chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")
    return chart.update_layout(legend_traceorder="normal", bargap=0.3)


def histogram(
    labels: Sequence[str], counts: Sequence[float], *, dark: bool, x: str = ""
) -> go.Figure:
    """Counts of ready-made bins."""
    chart = empty_figure(dark, x=x, legend=False, hover="x")
    names = distinct(labels)
    chart.add_bar(
        x=names,
        y=floats(counts),
        marker={"color": palette(dark).accent},
        hovertemplate="%{x}: %{y:,}<extra></extra>",
    )
    few = list(range(0, len(labels), max(1, -(-len(labels) // 4))))
    chart.update_xaxes(type="category", tickmode="array", tickvals=few, tickangle=0)
    return chart.update_layout(bargap=0.06)


def frequencies(
    labels: Sequence[str], counts: Sequence[float], *, dark: bool, most: int = 12
) -> go.Figure:
    """The most frequent values as horizontal bars, the first on top."""
    chart = empty_figure(dark, legend=False, hover="closest")
    chart.add_bar(
        x=floats(counts[:most][::-1]),
        y=distinct(labels[:most])[::-1],
        orientation="h",
        marker={"color": palette(dark).accent},
        hovertemplate="%{y}: %{x:,}<extra></extra>",
    )
    chart.update_xaxes(showgrid=True)
    return chart.update_yaxes(showgrid=False, type="category", ticksuffix="  ")


def stacked_over_time(
    frame: pd.DataFrame,
    *,
    dark: bool,
    at: str,
    parts: Mapping[str, str],
    colours: Mapping[str, str] | None = None,
    y: str = "",
    step_seconds: float | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> go.Figure:
    """Counts over time, one stack an instant: `parts` maps column to name, empty ones are left out.

    `colours` maps column to a role of the palette (`good`, `bad`, `accent`, ...). `step_seconds` is
    what one bar stands for, `span` the time shown even where nothing was counted.
    """
    chosen = palette(dark)
    chart = empty_figure(dark, y=y)
    named = {column: name for column, name in parts.items() if frame[column].any()}

    for index, (column, name) in enumerate(named.items()):
        role = (colours or {}).get(column)
        chart.add_bar(
            x=frame[at],
            y=floats(frame[column]),
            name=literal(name),
            width=step_seconds * 850 if step_seconds else None,
            marker={"color": getattr(chosen, role) if role else chosen.categorical[index]},
        )

    if span:
        chart.update_xaxes(range=list(span))
    return chart.update_layout(
        barmode="stack", showlegend=len(named) > 1, legend_traceorder="normal"
    )


def _whiskers(values: pd.Series[float], colour: str) -> dict[str, object]:
    return {"type": "data", "array": floats(values), "color": colour, "thickness": 1, "width": 3}
