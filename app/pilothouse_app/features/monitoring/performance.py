"""The performance of one window: its metrics, and its evaluation beside the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.monitoring.check_titles import check_title, signal_title
from pilothouse.monitoring.checks import (
    ESTIMATED_PERFORMANCE,
    LABEL_COVERAGE,
    PERFORMANCE,
    RECENT_PERFORMANCE,
)
from pilothouse.monitoring.reference_text import reference_sentences
from pilothouse_app import charts
from pilothouse_app.charts.curves import STORED_CURVES
from pilothouse_app.charts.documents import is_document, is_table, overlay_of, title_of
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.documents import document_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count, is_missing, share
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.table import status_column, table, text_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.metrics import Metric, metric_text, tolerance_text

if TYPE_CHECKING:
    from pilothouse.monitoring.api import WindowInfo
    from pilothouse.monitoring.frames import WindowDocuments

REFERENCE, WINDOW = "Reference", "This window"
HEIGHT = 260
METRICS = {
    "title": text_column("Metric", width=190),
    "status": status_column(width=92),
    "score": text_column(WINDOW, width=130),
    "error": text_column("Error", width=96, help="The standard error of the window's metric"),
    "reference": text_column(REFERENCE, width=130),
    "threshold": text_column("Limit", width=130),
    "noise": text_column(
        "Chance", width=130, help="Beyond it, the metric is worse than chance explains"
    ),
    "better": text_column("Better", width=80),
    "tolerance": text_column("Tolerated", width=170),
    "message": text_column("Note"),
}
ESTIMATES = {
    "title": METRICS["title"],
    "status": METRICS["status"],
    "score": text_column("Estimated", width=130),
    "error": text_column("Error", width=96, help="The standard error of the estimate"),
    "observed": text_column("Observed", width=130),
    "gap": text_column("Off by", width=96, help="The estimate less the observed metric"),
    **{name: METRICS[name] for name in ("reference", "threshold", "noise", "message")},
}


def performance_view(window: WindowInfo, metrics: dict[str, Metric]) -> None:
    """The metrics of a window, and what its task draws of it."""
    documents = workspace().monitoring.documents(window.id)
    section("Observed metrics", "of the labelled rows, against the reference")
    st.markdown(f":small[:gray[{literal(reference_text(documents))}]]")
    results = workspace().monitoring.results(window.id)
    _metrics(results, metrics)
    _estimates(results, metrics)
    _documents(documents)


def reference_text(documents: WindowDocuments) -> str:
    """What the window is held against, in a sentence or two."""
    return reference_sentences(
        documents.origin, documents.reference_rows, documents.labels_from, documents.waiting
    )


def _metrics(results: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    chosen = results[results["signal"] == PERFORMANCE]
    if chosen.empty:
        empty(
            "Nothing is measured",
            "Answers of this kind are not compared with labels; drift is watched all the same.",
            icon=":material/query_stats:",
            key="window_no_metrics",
        )
        return
    observed = results[results["signal"].isin((PERFORMANCE, RECENT_PERFORMANCE))]
    rows = [
        _metric_row(row, metrics) | {"title": signal_title(row["signal"], row["check"])}
        for row in records(observed)
    ]
    frame = pd.DataFrame(rows)
    table(frame, METRICS, key="window_metrics", alt="Observed metrics", ids="title")


def _estimates(results: pd.DataFrame, metrics: dict[str, Metric]) -> None:
    """What the metrics are without labels and, once labels have come, how far off that was."""
    chosen = results[results["signal"] == ESTIMATED_PERFORMANCE]
    if chosen.empty:
        return
    labelled = results[(results["signal"] == PERFORMANCE) & results["score"].notna()]
    observed = dict(zip(labelled["check"], labelled["score"], strict=True))
    method = str(chosen["method"].iloc[0])
    section("Estimated metrics", f"of {count(chosen['n_current'].max())} rows, by {method}")
    st.markdown(":small[:gray[Without labels: what the metrics are if only the inputs changed.]]")
    rows = [estimate_row(row, metrics, observed.get(row["check"])) for row in records(chosen)]
    frame = pd.DataFrame(rows)
    table(frame, ESTIMATES, key="window_estimates", alt="Estimated metrics", ids="title")


def estimate_row(
    row: dict[str, Any], metrics: dict[str, Metric], observed: float | None
) -> dict[str, Any]:
    """An estimated metric beside the observed one."""
    estimated = row["score"]
    gap = None if observed is None or is_missing(estimated) else estimated - observed
    return {
        **_metric_row(row, metrics),
        "observed": metric_text(metrics.get(str(row["check"])), observed),
        "gap": "" if gap is None else f"{gap:+.2g}",
    }


def _metric_row(row: dict[str, Any], metrics: dict[str, Metric]) -> dict[str, Any]:
    metric = metrics.get(str(row["check"]))
    values = {
        name: share(row[name]) if row["check"] == LABEL_COVERAGE else metric_text(metric, row[name])
        for name in ("score", "reference", "threshold", "noise")
    }
    return {
        **values,
        "error": "" if is_missing(row["standard_error"]) else f"± {row['standard_error']:.2g}",
        "title": check_title(str(row["check"])),
        "status": row["status"],
        "better": "higher" if row["direction"] == "below" else "lower",
        "tolerance": tolerance_text(metric) if metric else "",
        "message": row["message"],
    }


def _documents(documents: WindowDocuments) -> None:
    """Each document of the window over the same one of the reference."""
    if not documents.window:
        st.markdown(":gray[Too few labels for a chart.]")
        return
    grid = st.grid(2, min_column_width=330, gap="small")
    for path, document in documents.window.items():
        sides = {REFERENCE: documents.reference.get(path), WINDOW: document}
        present = {name: side for name, side in sides.items() if side is not None}
        if _can_draw(path, present):
            with grid.cell(), st.container(border=True, height="stretch"):
                _document(path, present)


def _document(path: str, sides: Mapping[str, Any]) -> None:
    if path in STORED_CURVES:
        stored = STORED_CURVES[path]
        section(stored.title, stored.note)
        frames = {side: pd.DataFrame(_columns(curve)) for side, curve in sides.items()}
        drawn = stored.chart(frames, dark=dark())
        figure(drawn, key=f"window_{path}", height=HEIGHT, alt=stored.title)
    elif all(map(is_document, sides.values())):
        _typed(path, sides)
    else:
        _matrices(path, sides)


def _can_draw(path: str, sides: Mapping[str, Any]) -> bool:
    is_matrix = all("matrix" in side for side in sides.values())
    return path in STORED_CURVES or is_matrix or all(map(is_document, sides.values()))


def _columns(curve: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of a curve, which may have other values beside them."""
    return {name: values for name, values in curve.items() if isinstance(values, list)}


def _typed(path: str, sides: Mapping[str, Any]) -> None:
    name = title_of(sides[WINDOW]) or "Evaluation"
    section(literal(name))
    if is_table(sides[WINDOW]):
        for side, document in sides.items():
            st.markdown(f":small[:gray[{side}]]")
            document_table(document, key=f"window_{path}_{side}", alt=f"{name}, {side}")
        return
    drawn = overlay_of(sides, dark=dark(), baseline=REFERENCE)
    figure(drawn, key=f"window_{path}", height=HEIGHT, alt=f"{name}, window and reference")


def _matrices(path: str, sides: Mapping[str, Any]) -> None:
    section("Confusion")
    for side, document in sides.items():
        st.markdown(f":small[:gray[{side}]]")
        figure(
            charts.confusion(document["labels"], document["matrix"], dark=dark()),
            key=f"window_{path}_{side}",
            height=charts.confusion_height(len(document["labels"])),
            alt=f"Confusion matrix, {side}",
        )
