"""Curves and threshold: one threshold and one pair of costs for all runs, from predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count, number, share
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.cells import run_name, unbroken
from pilothouse_app.features.compare.context import (
    ComparisonContext,
    capped,
    missing_predictions,
    picture,
)
from pilothouse_app.features.experiments.formatting import by_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.comparison.thresholds import ThresholdReport

HEIGHT = 300
LEGEND = 20  # a line of two names
STEP = 0.001
STORED = (
    ("ROC", "roc", charts.roc),
    ("Precision and recall", "pr", charts.precision_recall),
    ("Calibration", "calibration", charts.calibration),
)


def threshold_view(scene: ComparisonContext) -> None:
    """The slider and the costs, the confusion of each run under them, the curves with its place."""
    if not scene.scored:
        _stored(scene)
        return
    threshold, false_alarm, miss = controls(scene)
    found = workspace().comparison.at_threshold(
        scene.scored,
        threshold,
        false_positive_cost=false_alarm,
        false_negative_cost=miss,
        labels=scene.labels,
    )
    missing_predictions(scene)
    _points(scene, found)
    capped(scene)
    _curves(scene, found)


def controls(scene: ComparisonContext) -> tuple[float, float, float]:
    """The shared threshold and the two costs; they live in the address."""
    left, middle, right = st.columns([6, 2, 2], gap="medium", vertical_alignment="bottom")
    with left:
        threshold = shared_threshold(scene)
    false_alarm = middle.number_input(
        "Cost of a false alarm",
        min_value=0.0,
        value=1.0,
        step=1.0,
        format="%g",
        key="compare_false_alarm",
        bind="query-params",
        persist_state="session",
    )
    miss = right.number_input(
        "Cost of a miss",
        min_value=0.0,
        value=1.0,
        step=1.0,
        format="%g",
        key="compare_miss",
        bind="query-params",
        persist_state="session",
    )
    if not (false_alarm or miss):
        st.markdown(":orange[:material/warning:] Both costs are 0: each counts as 1.")
        return threshold, 1.0, 1.0
    return threshold, false_alarm or 0.0, miss or 0.0


def shared_threshold(scene: ComparisonContext) -> float:
    """The slider of the threshold that all runs share; it begins at the baseline's own."""
    own = workspace().comparison.own_threshold(scene.scored[0])
    told = st.slider(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        value=round(own, 3),
        step=STEP,
        format="%.3f",
        key="compare_threshold",
        bind="query-params",
        persist_state="session",
        help="A row is called positive when its score reaches it; it begins at the first run's own",
    )
    return float(told)


def _points(scene: ComparisonContext, found: ThresholdReport) -> None:
    section("Under this threshold", "the best cost of each run is at its own best threshold")
    apart = scene.compared.incomparable
    fair = found.points[~found.points["run"].isin(list(apart))]
    cheapest = fair["cost_per_row"].min()
    cells = [
        {
            "Run": run_name(scene, row["run"]),
            "Precision": unbroken(share(row["precision"])),
            "Recall": unbroken(share(row["recall"])),
            "False alarms": unbroken(share(row["false_positive_rate"])),
            "F1": number(row["f1"]),
            "True / false positive": unbroken(f"{count(row['tp'])} / {count(row['fp'])}"),
            "True / false negative": unbroken(f"{count(row['tn'])} / {count(row['fn'])}"),
            "Cost per row": _cost(row["cost_per_row"], cheapest, row["run"] not in apart),
            "Best threshold": f"{row['best_threshold']:.3f}",
            "Cost there": number(row["best_cost"] / row["rows"], 4),
        }
        for row in found.points.to_dict("records")
    ]
    st.table(
        pd.DataFrame(cells),
        border="horizontal",
        hide_index=True,
        alt="Confusion, rates and cost of each run under the threshold",
    )


def _height(labels: Sequence[str]) -> int:
    """As tall as the curves need under the lines of their legend."""
    return HEIGHT + LEGEND * -(-len(labels) // 2)


def _cost(cost: float, cheapest: float, comparable: bool) -> str:
    lowest = comparable and cost == cheapest
    return f"**{cost:.4f}** :green-badge[lowest]" if lowest else f"{cost:.4f}"


def _curves(scene: ComparisonContext, found: ThresholdReport) -> None:
    points = {row["label"]: row for row in found.points.to_dict("records")}
    at = {label: (row["false_positive_rate"], row["recall"]) for label, row in points.items()}
    precise = {label: (row["recall"], row["precision"]) for label, row in points.items()}
    cheapest = {
        label: (row["best_threshold"], row["best_cost"] / row["rows"])
        for label, row in points.items()
    }
    labels, base = scene.drawn, scene.baseline_label
    look = dark()

    def curve(name: str) -> dict[str, pd.DataFrame]:
        return by_label(found.curves[name], labels)

    drawn = {
        "ROC": charts.roc(curve("roc"), dark=look, baseline=base, marks=at),
        "Precision and recall": charts.precision_recall(
            curve("pr"), dark=look, baseline=base, marks=precise
        ),
        "Cost by threshold": charts.cost(
            curve("cost"), dark=look, threshold=found.threshold, baseline=base, marks=cheapest
        ),
        "Calibration": charts.calibration(curve("calibration"), dark=look, baseline=base),
    }
    notes = {
        "ROC": "the point is the threshold",
        "Precision and recall": "the point is the threshold",
        "Cost by threshold": "the point is each run's cheapest",
    }
    grid = st.grid(2, min_column_width=400, gap="small")
    for name, chart in drawn.items():
        with grid.cell(), st.container(border=True):
            section(literal(name), notes.get(name, ""))
            figure(
                chart,
                key=f"compare_{name.split()[0].lower()}",
                height=_height(labels),
                alt=f"{name} of {len(labels)} runs",
                picture=picture(),
            )


def _stored(scene: ComparisonContext) -> None:
    """Without predictions a threshold cannot move: the curves that runs kept, as they are."""
    curves = scene.compared.curves
    labels = scene.drawn
    drawn = [each for each in STORED if len(curves.get(each[1], ()))]
    if not drawn:
        empty(
            "No curves",
            "These runs kept neither predictions of their held-out rows nor curves.",
            icon=":material/show_chart:",
        )
        return
    st.markdown(
        ":gray[These runs kept curves but no predictions, so the threshold cannot be moved.]"
    )
    capped(scene)
    grid = st.grid(2, min_column_width=400, gap="small")
    for name, key, chart in drawn:
        with grid.cell(), st.container(border=True):
            section(literal(name))
            figure(
                chart(by_label(curves[key], labels), dark=dark(), baseline=scene.baseline_label),
                key=f"compare_{key}",
                height=_height(labels),
                alt=f"{name} of {len(labels)} runs",
                picture=picture(),
            )
