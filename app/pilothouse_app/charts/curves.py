"""Curves of classifiers and of metrics over steps, one or several runs at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from pilothouse_app.charts.base import MAX_SERIES, empty_figure, floats, literal, thin_indices
from pilothouse_app.charts.palette import palette

if TYPE_CHECKING:
    import pandas as pd

FEW_STEPS = 12


Marks = Mapping[str, tuple[float, float]]


def roc(
    curves: Mapping[str, pd.DataFrame],
    *,
    dark: bool,
    baseline: str = "",
    marks: Marks | None = None,
) -> go.Figure:
    """ROC curves by run (columns fpr, tpr) over the diagonal of guessing.

    The baseline is dashed; `marks` has a point on each curve, such as that of a threshold.
    """
    figure = empty_figure(dark, x="False positive rate", y="True positive rate", hover="closest")
    _diagonal(figure, dark)
    _overlay(figure, curves, "fpr", "tpr", dark, baseline=baseline)
    _mark(figure, curves, marks or {}, dark)
    return _unit_square(figure)


def precision_recall(
    curves: Mapping[str, pd.DataFrame],
    *,
    dark: bool,
    base_rate: float | None = None,
    baseline: str = "",
    marks: Marks | None = None,
) -> go.Figure:
    """Precision over recall by run (columns recall, precision), with marks as in `roc`."""
    figure = empty_figure(dark, x="Recall", y="Precision", hover="closest")
    _overlay(figure, curves, "recall", "precision", dark, baseline=baseline)
    _mark(figure, curves, marks or {}, dark)
    if base_rate is not None:
        figure.add_hline(
            y=base_rate, line={"color": palette(dark).muted, "width": 1, "dash": "dot"}
        )
    return _unit_square(figure)


def calibration(curves: Mapping[str, pd.DataFrame], *, dark: bool, baseline: str = "") -> go.Figure:
    """Observed share over predicted probability by run (columns predicted, observed)."""
    figure = empty_figure(dark, x="Predicted probability", y="Observed share", hover="closest")
    _diagonal(figure, dark)
    _overlay(figure, curves, "predicted", "observed", dark, markers=True, baseline=baseline)
    return _unit_square(figure)


def cost(
    curves: Mapping[str, pd.DataFrame],
    *,
    dark: bool,
    threshold: float,
    baseline: str = "",
    marks: Marks | None = None,
) -> go.Figure:
    """Cost per row over the threshold by run (columns threshold, cost); a line at `threshold`."""
    figure = empty_figure(dark, x="Threshold", y="Cost per row", hover="closest")
    _overlay(figure, curves, "threshold", "cost", dark, baseline=baseline)
    _mark(figure, curves, marks or {}, dark)
    figure.add_vline(x=threshold, line={"color": palette(dark).muted, "width": 1, "dash": "dot"})
    figure.update_xaxes(range=[0, 1.005], dtick=0.2)
    return figure.update_yaxes(rangemode="tozero")


def history(frame: pd.DataFrame, *, dark: bool, title: str, names: Mapping[str, str]) -> go.Figure:
    """One metric over steps (columns run, step, value), a line for each run."""
    figure = empty_figure(dark, x="Step", y=title)
    colours = palette(dark).categorical
    runs = list(dict.fromkeys(frame["run"]))[:MAX_SERIES]

    for index, run in enumerate(runs):
        rows = frame[frame["run"] == run]
        rows = rows.iloc[thin_indices(len(rows))]
        figure.add_scatter(
            x=floats(rows["step"]),
            y=floats(rows["value"]),
            name=literal(names.get(run, run)),
            mode="lines" if len(rows) > 1 else "markers",
            line={"width": 1.8, "color": colours[index]},
        )

    if len(frame) and frame["step"].max() <= FEW_STEPS:
        figure.update_xaxes(dtick=1)
    figure.update_layout(showlegend=len(runs) > 1)
    return figure


def _overlay(
    figure: go.Figure,
    curves: Mapping[str, pd.DataFrame],
    x: str,
    y: str,
    dark: bool,
    markers: bool = False,
    baseline: str = "",
) -> None:
    colours = palette(dark).categorical
    for index, (name, curve) in enumerate(list(curves.items())[:MAX_SERIES]):
        if curve.empty:
            continue  # the run keeps its colour in the other curves
        rows = curve.iloc[thin_indices(len(curve), 300)]
        figure.add_scatter(
            x=floats(rows[x]),
            y=floats(rows[y]),
            name=literal(name),
            mode="lines+markers" if markers else "lines",
            line=line(colours[index], name == baseline),
            marker={"size": 6},
            hovertemplate="%{x:.3f}, %{y:.3f}",
        )
    figure.update_layout(showlegend=len(curves) > 1)


def line(colour: str, is_baseline: bool) -> dict[str, object]:
    """The baseline is dashed and thicker: it is found without its colour."""
    plain = {"width": 1.8, "color": colour}
    return plain | {"width": 2.6, "dash": "dash"} if is_baseline else plain


def _mark(figure: go.Figure, curves: Mapping[str, pd.DataFrame], marks: Marks, dark: bool) -> None:
    """A ringed point on each run's curve, in its colour."""
    colours = palette(dark)
    for index, name in enumerate(list(curves)[:MAX_SERIES]):
        if name not in marks:
            continue
        x, y = marks[name]
        figure.add_scatter(
            x=[x],
            y=[y],
            name=literal(name),
            mode="markers",
            marker={
                "size": 11,
                "color": colours.categorical[index],
                "line": {"width": 2, "color": colours.page},
            },
            showlegend=False,
            hovertemplate="%{x:.3f}, %{y:.3f}",
        )


def _diagonal(figure: go.Figure, dark: bool) -> None:
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": palette(dark).muted, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )


def _unit_square(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(range=[0, 1.005], showgrid=True, dtick=0.2)
    figure.update_yaxes(range=[0, 1.02], dtick=0.2)
    return figure


class StoredCurve(NamedTuple):
    """How a curve is drawn that runs and windows store without a type; `name` in comparisons."""

    name: str
    title: str
    note: str
    chart: Callable[..., go.Figure]


STORED_CURVES = {
    "curves/roc.json": StoredCurve("roc", "ROC", "true over false positive rate", roc),
    "curves/pr.json": StoredCurve("pr", "Precision and recall", "", precision_recall),
    "curves/calibration.json": StoredCurve(
        "calibration", "Calibration", "observed over predicted", calibration
    ),
}
