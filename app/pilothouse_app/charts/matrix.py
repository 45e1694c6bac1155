"""A confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from pilothouse_app.charts.base import distinct, empty_figure
from pilothouse_app.charts.palette import palette


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[float]], *, dark: bool) -> go.Figure:
    """Counts by actual (rows) and predicted (columns) class, shaded by share of the row."""
    colours = palette(dark)
    names = distinct(labels)
    shares = [[cell / (sum(row) or 1) for cell in row] for row in matrix]
    chart = empty_figure(dark, x="Predicted", y="Actual", legend=False, hover="closest")
    ramp = colours.sequential[: 5 if dark else 7]  # keeps the figures legible

    chart.add_heatmap(
        x=names,
        y=names,
        z=shares,
        zmin=0,
        zmax=1,
        text=[
            [f"{cell:,.0f}<br>{share:.0%}" for cell, share in zip(row, part, strict=True)]
            for row, part in zip(matrix, shares, strict=True)
        ],
        texttemplate="%{text}",
        textfont={"size": 13},
        colorscale=[[position / (len(ramp) - 1), colour] for position, colour in enumerate(ramp)],
        showscale=False,
        xgap=3,
        ygap=3,
        hovertemplate="actual %{y}, predicted %{x}: %{z:.1%} of the row<extra></extra>",
    )

    chart.update_yaxes(autorange="reversed", showgrid=False, type="category", ticksuffix="  ")
    chart.update_xaxes(type="category", side="bottom")
    return chart
