"""How good the run's model is on rows it has not seen: curves, confusion, importance, folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse_app import charts
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import json_file, json_frame
from pilothouse_app.features.experiments.metric_definitions import metric_kinds
from pilothouse_app.features.run.overview import metric_tiles

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

CHART = 214
FILES = (
    *("curves/roc.json", "curves/pr.json", "curves/calibration.json"),
    *("confusion.json", "importance.json", "folds.json"),
)
CURVES = (
    ("ROC", "true over false positive rate", "curves/roc.json", charts.roc),
    ("Precision and recall", "", "curves/pr.json", charts.precision_recall),
    ("Calibration", "observed over predicted", "curves/calibration.json", charts.calibration),
)


def has_evaluation(run: RunInfo) -> bool:
    """Whether the run stored any evaluation."""
    return any(run.has_artifact(path) for path in FILES)


def draw(run: RunInfo) -> None:
    """Draw the view."""
    ws = workspace()
    curves = [
        (*curve_file, frame)
        for curve_file in CURVES
        if (frame := json_frame(ws, run, curve_file[2])) is not None
    ]
    confusion, importance = (
        json_file(ws, run, "confusion.json"),
        json_frame(ws, run, "importance.json"),
    )
    folds = json_frame(ws, run, "folds.json")
    if run.metrics:
        metric_tiles(run)
    if not curves and confusion is None and importance is None and folds is None:
        empty("No evaluation", "This run stored no curves.", icon=":material/show_chart:")
        return

    grid = st.grid(3, min_column_width=270, gap="small")
    for name, note, path, chart, frame in curves:
        with grid.cell(), st.container(border=True):
            section(literal(name), note)
            chart_figure = chart({run.name: frame}, dark=dark())
            figure(chart_figure, key=f"run_{path}", height=CHART, alt=f"{name} of {run.name}")

    if confusion is not None:
        with grid.cell(), st.container(border=True, height="stretch"):
            _confusion(confusion)
    if importance is not None and not importance.empty:
        with grid.cell(column_span=2), st.container(border=True, height="stretch"):
            _importance(importance)
    if folds is not None:
        _folds(folds)


def _confusion(confusion: dict[str, Any]) -> None:
    section("Confusion", f"threshold {confusion['threshold']:.3f}")
    figure(
        charts.confusion(confusion["labels"], confusion["matrix"], dark=dark()),
        key="run_confusion",
        height=CHART,
        alt="Confusion matrix of the held-out rows",
    )


def _importance(importance: pd.DataFrame) -> None:
    section("Permutation importance", "what the metric loses when a column is shuffled")
    figure(
        charts.ranked(
            importance, dark=dark(), label="column", value="importance", title="", error="std",
            most=10,
        ),
        key="run_importance",
        height=CHART,
        alt="Columns by permutation importance",
    )  # fmt: skip


def _folds(folds: pd.DataFrame) -> None:
    section("Folds of the cross-validation")
    rows = folds.assign(fold=[f"Fold {int(n)}" for n in folds["fold"]])
    definitions = metric_kinds()
    looks = {
        name: number_column(definitions.of(name).title, 0 if name.startswith("rows") else 4)
        for name in rows.columns
        if name != "fold"
    }
    table(rows, {"fold": name_column("Fold"), **looks}, key="run_folds", ids="fold", alt="Folds")
