"""How good the run's model is on rows it has not seen: curves, confusion, importance, folds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app import charts
from pilothouse_app.charts.curves import STORED_CURVES
from pilothouse_app.charts.documents import is_document, is_table, title_of, type_rank
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.documents import document_box
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, number_column, table
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import json_file, json_frame
from pilothouse_app.features.run.overview import metric_tiles
from pilothouse_app.features.run.signature import run_metric_kinds

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.metrics.definitions import MetricKinds

CHART = 214
FOLDER = "evaluation/"
MAX_DOCUMENTS = 24
FILES = (*STORED_CURVES, "confusion.json", "importance.json", "folds.json")
FEW_CLASSES, SEVERAL_CLASSES = 4, 12  # up to so many, a matrix has one column of the grid, or two


def has_evaluation(run: RunInfo) -> bool:
    """Whether the run stored any evaluation."""
    return any(run.has_artifact(path) for path in FILES) or bool(_document_paths(run))


def draw(run: RunInfo) -> None:
    """Draw the view."""
    ws = workspace()
    curves = [
        (path, curve, frame)
        for path, curve in STORED_CURVES.items()
        if (frame := json_frame(ws, run, path)) is not None
    ]
    confusion, importance = (
        json_file(ws, run, "confusion.json"),
        json_frame(ws, run, "importance.json"),
    )
    folds = json_frame(ws, run, "folds.json")
    documents = evaluation_documents(run)
    kinds = run_metric_kinds(run)
    if run.metrics:
        metric_tiles(run, kinds)
    drawn = (confusion, importance, folds)
    if not curves and not documents and all(part is None for part in drawn):
        empty("No evaluation", "This run stored no curves.", icon=":material/show_chart:")
        return

    grid = st.grid(3, min_column_width=270, gap="small")
    for path, curve, frame in curves:
        with grid.cell(), st.container(border=True):
            section(literal(curve.title), curve.note)
            drawn_curve = curve.chart({run.name: frame}, dark=dark())
            alt = f"{curve.title} of {run.name}"
            figure(drawn_curve, key=f"run_{path}", height=CHART, alt=alt)

    if confusion is not None:
        span = _matrix_columns(len(confusion["labels"]))
        with grid.cell(column_span=span), st.container(border=True, height="stretch"):
            _confusion(confusion)
    for path, document in documents.items():
        span = 2 if is_table(document) and len(document["columns"]) > 3 else 1
        with grid.cell(column_span=span):
            document_box(document, key=f"run_{path}", about=run.name, height=CHART)
    if importance is not None and not importance.empty:
        with grid.cell(column_span=2), st.container(border=True, height="stretch"):
            _importance(importance)
    if folds is not None:
        _folds(folds, kinds)


def evaluation_documents(run: RunInfo) -> dict[str, Any]:
    """The evaluation documents of a run that can be drawn, by path: figures first, then tables."""
    ws = workspace()
    documents = {}
    for path in _document_paths(run)[:MAX_DOCUMENTS]:
        try:
            document = json_file(ws, run, path)
        except (PilothouseError, ValueError):
            continue  # the Files view says what is wrong with it
        if is_document(document):
            documents[path] = document
    return dict(sorted(documents.items(), key=lambda item: (type_rank(item[1]), title_of(item[1]))))


def _document_paths(run: RunInfo) -> list[str]:
    paths = (artifact.path for artifact in run.artifacts)
    return sorted(path for path in paths if path.startswith(FOLDER) and path.endswith(".json"))


def _matrix_columns(classes: int) -> int:
    return 1 if classes <= FEW_CLASSES else 2 if classes <= SEVERAL_CLASSES else 3


def _confusion(confusion: dict[str, Any]) -> None:
    threshold = confusion.get("threshold")
    section("Confusion", "" if threshold is None else f"threshold {threshold:.3f}")
    labels = confusion["labels"]
    figure(
        charts.confusion(labels, confusion["matrix"], dark=dark()),
        key="run_confusion",
        height=charts.confusion_height(len(labels)),
        alt="Confusion matrix of rows that were not fitted on",
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


def _folds(folds: pd.DataFrame, kinds: MetricKinds) -> None:
    section("Folds of the cross-validation")
    rows = folds.assign(fold=[f"Fold {int(n)}" for n in folds["fold"]])
    looks = {
        name: number_column(kinds.of(name).title, 0 if name.startswith("rows") else 4)
        for name in rows.columns
        if name != "fold"
    }
    table(rows, {"fold": name_column("Fold"), **looks}, key="run_folds", ids="fold", alt="Folds")
