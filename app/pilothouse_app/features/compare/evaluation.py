"""Evaluation: what the held-out rows show of each run, with a threshold where one decides.

What is drawn are the documents that the runs' task makes; nothing here knows a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse_app import charts
from pilothouse_app.charts.curves import STORED_CURVES, StoredCurve
from pilothouse_app.charts.documents import (
    figure_of,
    is_document,
    is_table,
    overlay_of,
    table_of,
    title_of,
    type_rank,
)
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.documents import column_look
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.features.compare.cells import run_name
from pilothouse_app.features.compare.context import (
    MAX_DRAWN,
    ComparisonContext,
    image_format,
    note_undrawn_runs,
)
from pilothouse_app.features.compare.threshold import curve_height, draw_threshold
from pilothouse_app.features.experiments.formatting import by_label

Documents = Mapping[str, dict[str, Any]]
CONFUSION = "confusion.json"
MAX_OVERLAID_LINES = 3  # of more in a document, each run has a figure of its own
TABLE_ROWS = 16  # before it scrolls
WIDE_MATRIX = 5  # classes from which on a matrix has two columns of the grid


def evaluation_view(context: ComparisonContext) -> None:
    """The threshold where it decides, else the stored curves; then every document of the task."""
    documents = _drawn_documents(context)
    if context.with_threshold:
        draw_threshold(context)
        _figures(context, [], documents)
        _tables(documents)
        return

    matrices = _matrices(context)
    curves = [curve for curve in STORED_CURVES.values() if _has_curve(context, curve.name)]
    if not curves and not documents and not matrices:
        empty(
            "No evaluation",
            "These runs stored neither predictions on held-out rows nor curves.",
            icon=":material/show_chart:",
        )
        return

    if curves and not context.with_predictions:
        st.markdown(
            ":gray[These runs stored curves but no predictions, so the threshold cannot be "
            "changed.]"
        )
    note_undrawn_runs(context)
    _figures(context, curves, documents)
    _confusions(context, matrices)
    _tables(documents)


def _has_curve(context: ComparisonContext, name: str) -> bool:
    """Whether a run of the baseline's task stored this curve."""
    return bool(set(context.compared.curves[name]["run"]) & set(context.peers))


def _figures(context: ComparisonContext, curves: list[StoredCurve], documents: Documents) -> None:
    """Stored curves and the figures of documents in one grid."""
    labels = [context.labels[run] for run in context.peers[:MAX_DRAWN]]
    baseline, grid = context.baseline_label, st.grid(2, min_column_width=400, gap="small")
    for curve in curves:
        frames = by_label(context.compared.curves[curve.name], labels)
        drawn = curve.chart(frames, dark=dark(), baseline=baseline)
        with grid.cell():
            _box(curve.title, "", drawn, f"compare_{curve.name}", list(frames))

    for path, by_run in documents.items():
        first = next(iter(by_run.values()))
        if is_table(first):
            continue
        title, chosen = title_of(first), dict(list(by_run.items())[:MAX_DRAWN])
        if len(first.get("lines", ())) > MAX_OVERLAID_LINES and len(chosen) > 1:
            for run, document in chosen.items():  # lines of every run would hide each other
                with grid.cell():
                    drawn = figure_of(document, dark=dark())
                    _box(title, run, drawn, f"compare_{path}_{run}", [run])
            continue
        with grid.cell():
            drawn = overlay_of(chosen, dark=dark(), baseline=baseline)
            _box(title, "", drawn, f"compare_{path}", list(chosen))


def _box(title: str, note: str, drawn: Any, key: str, labels: list[str]) -> None:
    with st.container(border=True):
        section(literal(title), literal(note))
        about = plural(len(labels), "run") if len(labels) > 1 else labels[0]
        figure(
            drawn,
            key=key,
            height=curve_height(labels),
            alt=f"{title} of {about}",
            image_format=image_format(),
        )


def _matrices(context: ComparisonContext) -> dict[str, Any]:
    """The confusion matrix of each run that stored one."""
    documents = context.compared.documents.get(CONFUSION, {})
    return {
        run: documents[run]
        for run in context.peers[:MAX_DRAWN]
        if run in documents and {"labels", "matrix"} <= set(documents[run])
    }


def _confusions(context: ComparisonContext, matrices: Mapping[str, Any]) -> None:
    if not matrices:
        return
    section("Confusion", "rows by actual class, columns by predicted class")
    classes = max(len(confusion["labels"]) for confusion in matrices.values())
    grid = st.grid(3 if classes < WIDE_MATRIX else 2, min_column_width=320, gap="small")
    for run, confusion in matrices.items():
        with grid.cell(), st.container(border=True):
            st.markdown(f"**{run_name(context, run)}**")
            figure(
                charts.confusion(confusion["labels"], confusion["matrix"], dark=dark()),
                key=f"compare_confusion_{run}",
                height=charts.confusion_height(len(confusion["labels"])),
                alt=f"Confusion matrix of {context.labels[run]}",
                image_format=image_format(),
            )


def _drawn_documents(context: ComparisonContext) -> Documents:
    """By path the documents of the runs by label, of one type each; figures before tables."""
    drawn: dict[str, dict[str, Any]] = {}
    for path, by_run in context.compared.documents.items():
        runs = [run for run in context.peers if run in by_run and is_document(by_run[run])]
        of_type = by_run[runs[0]]["type"] if runs else ""
        documents = {
            context.labels[run]: by_run[run] for run in runs if by_run[run]["type"] == of_type
        }
        if documents:
            drawn[path] = documents
    return dict(sorted(drawn.items(), key=lambda item: type_rank(next(iter(item[1].values())))))


def _tables(documents: Documents) -> None:
    for path, by_run in documents.items():
        first = next(iter(by_run.values()))
        if is_table(first):
            with st.container(border=True):
                section(literal(title_of(first)))
                _table(by_run, path)


def _table(by_run: Mapping[str, Any], path: str) -> None:
    """The tables of the runs as one: the rows of a name together, a row for each run."""
    frames = [pd.DataFrame(table_of(document)).assign(Run=run) for run, document in by_run.items()]
    whole = pd.concat(frames, ignore_index=True)
    first = str(whole.columns[0])
    order = {name: rank for rank, name in enumerate(whole[first].map(str).unique())}
    whole[first] = whole[first].map(str)
    whole = whole.sort_values(first, key=lambda names: names.map(order), kind="stable")
    others = [str(name) for name in whole.columns if name not in (first, "Run")]
    looks = {first: name_column(first), "Run": text_column("Run", width=190)}
    looks |= {name: column_look(name, whole[name]) for name in others}
    table(
        whole.assign(id=[str(row) for row in range(len(whole))]),
        looks,
        key=f"compare_{path}",
        alt=f"{first} by run",
        height=limited_height(len(whole), TABLE_ROWS),
    )
