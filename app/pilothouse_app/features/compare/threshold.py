"""One threshold and one pair of costs for all runs that have a score to decide on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.formats import count, number, share
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.compare.cells import no_break, run_name
from pilothouse_app.features.compare.context import (
    ComparisonContext,
    image_format,
    note_missing_predictions,
    note_undrawn_runs,
)
from pilothouse_app.features.experiments.formatting import by_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.comparison.thresholds import ThresholdReport

HEIGHT = 300
LEGEND = 20  # a line of two names
STEP = 0.001


def draw_threshold(context: ComparisonContext) -> None:
    """The slider and the costs, the confusion of each run under them, the curves with its place.

    Call it when there are runs `with_threshold`.
    """
    threshold, false_positive_cost, false_negative_cost = controls(context)
    report = workspace().comparison.at_threshold(
        context.with_threshold,
        threshold,
        false_positive_cost=false_positive_cost,
        false_negative_cost=false_negative_cost,
        labels=context.labels,
    )

    note_missing_predictions(context)
    _points(context, report)
    note_undrawn_runs(context)
    _curves(context, report)


def controls(context: ComparisonContext) -> tuple[float, float, float]:
    """The shared threshold and the two costs; they live in the address."""
    left, middle, right = st.columns([6, 2, 2], gap="medium", vertical_alignment="bottom")
    with left:
        threshold = shared_threshold(context)
    false_positive_cost = middle.number_input(
        "Cost of a false positive",
        min_value=0.0,
        value=1.0,
        step=1.0,
        format="%g",
        key="compare_false_alarm",
        bind="query-params",
        persist_state="session",
    )

    false_negative_cost = right.number_input(
        "Cost of a false negative",
        min_value=0.0,
        value=1.0,
        step=1.0,
        format="%g",
        key="compare_miss",
        bind="query-params",
        persist_state="session",
    )
    if not (false_positive_cost or false_negative_cost):
        st.markdown(":orange[:material/warning:] Both costs are 0: each counts as 1.")
        return threshold, 1.0, 1.0

    return threshold, false_positive_cost or 0.0, false_negative_cost or 0.0


def shared_threshold(context: ComparisonContext) -> float:
    """The slider of the threshold that all runs share; it begins at the baseline's own."""
    own = workspace().comparison.own_threshold(context.with_threshold[0])
    threshold = st.slider(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        value=round(own, 3),
        step=STEP,
        format="%.3f",
        key="compare_threshold",
        bind="query-params",
        persist_state="session",
        help="Rows with at least this score are classified as positive. Default: the first run's",
    )
    return float(threshold)


def _points(context: ComparisonContext, report: ThresholdReport) -> None:
    section("At this threshold", "the best cost of each run is at its own best threshold")
    apart = context.compared.incomparable
    fair = report.points[~report.points["run"].isin(list(apart))]
    cheapest = fair["cost_per_row"].min()
    cells = [
        {
            "Run": run_name(context, row["run"]),
            "Precision": no_break(share(row["precision"])),
            "Recall": no_break(share(row["recall"])),
            "False positive rate": no_break(share(row["false_positive_rate"])),
            "F1": number(row["f1"]),
            "True / false positive": no_break(f"{count(row['tp'])} / {count(row['fp'])}"),
            "True / false negative": no_break(f"{count(row['tn'])} / {count(row['fn'])}"),
            "Cost per row": _cost(row["cost_per_row"], cheapest, row["run"] not in apart),
            "Best threshold": f"{row['best_threshold']:.3f}",
            "Cost at best threshold": number(row["best_cost"] / row["rows"], 4),
        }
        for row in report.points.to_dict("records")
    ]

    st.table(
        pd.DataFrame(cells),
        border="horizontal",
        hide_index=True,
        alt="Confusion matrix, rates and cost of each run at the threshold",
    )


def curve_height(labels: Sequence[str]) -> int:
    """As tall as the curves need under the lines of their legend."""
    return HEIGHT + LEGEND * -(-len(labels) // 2)


def _cost(cost: float, cheapest: float, comparable: bool) -> str:
    lowest = comparable and cost == cheapest
    return f"**{cost:.4f}** :green-badge[lowest]" if lowest else f"{cost:.4f}"


def _curves(context: ComparisonContext, report: ThresholdReport) -> None:
    points = {row["label"]: row for row in report.points.to_dict("records")}
    at = {label: (row["false_positive_rate"], row["recall"]) for label, row in points.items()}
    precise = {label: (row["recall"], row["precision"]) for label, row in points.items()}
    cheapest = {
        label: (row["best_threshold"], row["best_cost"] / row["rows"])
        for label, row in points.items()
    }
    labels, base = context.drawn_labels, context.baseline_label
    look = dark()

    def curve(name: str) -> dict[str, pd.DataFrame]:
        return by_label(report.curves[name], labels)

    drawn = {
        "ROC": charts.roc(curve("roc"), dark=look, baseline=base, marks=at),
        "Precision and recall": charts.precision_recall(
            curve("pr"), dark=look, baseline=base, marks=precise
        ),
        "Cost by threshold": charts.cost(
            curve("cost"), dark=look, threshold=report.threshold, baseline=base, marks=cheapest
        ),
        "Calibration": charts.calibration(curve("calibration"), dark=look, baseline=base),
    }
    notes = {
        "ROC": "the point marks the threshold",
        "Precision and recall": "the point marks the threshold",
        "Cost by threshold": "the point marks each run's lowest cost",
    }
    grid = st.grid(2, min_column_width=400, gap="small")
    for name, chart in drawn.items():
        with grid.cell(), st.container(border=True):
            section(literal(name), notes.get(name, ""))
            figure(
                chart,
                key=f"compare_{name.split()[0].lower()}",
                height=curve_height(labels),
                alt=f"{name} of {len(labels)} runs",
                image_format=image_format(),
            )
