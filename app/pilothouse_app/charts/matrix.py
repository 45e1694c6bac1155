"""A confusion matrix, of two classes up to fifty, and a matrix of associations of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pilothouse_app.charts.base import distinct, empty_figure, literal
from pilothouse_app.charts.palette import palette

FEW, SEVERAL = 6, 16  # up to so many classes, cells have count and share, or only the count
CELL = {2: 60, FEW: 44, SEVERAL: 28}  # the height of a row of cells, by the most classes
SMALL_CELL = 15
MARGIN = 94  # the names below and the title of the axis
MAX_NAME = 18  # characters of a class where there are many


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[float]], *, dark: bool) -> go.Figure:
    """Counts by actual (rows) and predicted (columns) class, shaded by share of the row.

    Cells of up to six classes have count and share, those of up to sixteen the count; the pointer
    tells both in every case.
    """
    colours = palette(dark)
    many = len(labels) > FEW
    names = distinct(labels, _short if many else literal)
    shares = [[cell / (sum(row) or 1) for cell in row] for row in matrix]
    chart = empty_figure(dark, x="Predicted", y="Actual", legend=False, hover="closest")
    ramp = colours.sequential[: 5 if dark else 7]  # keeps the figures legible

    chart.add_heatmap(
        x=names,
        y=names,
        z=shares,
        zmin=0,
        zmax=1,
        colorscale=[[position / (len(ramp) - 1), colour] for position, colour in enumerate(ramp)],
        showscale=False,
        xgap=1 if many else 3,
        ygap=1 if many else 3,
        customdata=[[f"{cell:,.0f}" for cell in row] for row in matrix],
        hovertemplate=(
            "actual %{y}, predicted %{x}: %{customdata} rows, %{z:.1%} of the row<extra></extra>"
        ),
        **_cell_texts(matrix, shares),
    )

    ticks = {"dtick": 1, "tickfont": {"size": 11 if len(labels) <= SEVERAL else 9}}
    chart.update_yaxes(autorange="reversed", showgrid=False, type="category", ticksuffix="  ")
    chart.update_xaxes(type="category", side="bottom")
    if many:
        chart.update_yaxes(**ticks)
        chart.update_xaxes(**ticks, tickangle=-45)
    return chart


def association_matrix(
    names: Sequence[str], strengths: Sequence[Sequence[float | None]], *, dark: bool
) -> go.Figure:
    """Strengths of association from -1 to 1 of every pair of columns; None where unknown."""
    colours = palette(dark)
    labels = distinct(names, _short if len(names) > FEW else literal)
    chart = empty_figure(dark, legend=False, hover="closest")
    scale = tuple(reversed(colours.diverging))
    chart.add_heatmap(
        x=labels,
        y=labels,
        z=strengths,
        zmin=-1,
        zmax=1,
        colorscale=[[step / (len(scale) - 1), colour] for step, colour in enumerate(scale)],
        showscale=False,
        xgap=1,
        ygap=1,
        hoverongaps=False,
        hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
    )
    ticks = {"dtick": 1, "tickfont": {"size": 11 if len(names) <= SEVERAL else 9}}
    chart.update_yaxes(
        autorange="reversed", showgrid=False, type="category", ticksuffix="  ", **ticks
    )
    chart.update_xaxes(type="category", side="bottom", tickangle=-45, showgrid=False, **ticks)
    return chart


def association_height(columns: int) -> int:
    """The height in pixels at which a matrix of so many columns can be read."""
    cell = 34 if columns <= FEW else 24 if columns <= SEVERAL else 13
    return max(260, MARGIN + 20 + cell * columns)


def confusion_height(classes: int) -> int:
    """The height in pixels at which a matrix of so many classes can be read."""
    cell = next((height for most, height in CELL.items() if classes <= most), SMALL_CELL)
    return MARGIN + cell * max(classes, 2)


def _short(text: str) -> str:
    return literal(text, MAX_NAME)


def _cell_texts(
    matrix: Sequence[Sequence[float]], shares: Sequence[Sequence[float]]
) -> dict[str, Any]:
    """What is written into the cells; empty cells of a large matrix stay empty."""
    if len(matrix) > SEVERAL:
        return {}
    if len(matrix) > FEW:
        text = [[f"{cell:,.0f}" if cell else "" for cell in row] for row in matrix]
        return {"text": text, "texttemplate": "%{text}", "textfont": {"size": 11}}
    text = [
        [f"{cell:,.0f}<br>{share:.0%}" for cell, share in zip(row, part, strict=True)]
        for row, part in zip(matrix, shares, strict=True)
    ]
    return {"text": text, "texttemplate": "%{text}", "textfont": {"size": 13}}
