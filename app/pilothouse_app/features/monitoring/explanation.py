"""Why a window is bad: two sentences, the events before it, and the deployment's timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.checks import (
    DRIFTED_SHARE,
    ESTIMATED_PERFORMANCE,
    PERFORMANCE,
    PRIMARY,
)
from pilothouse.monitoring.explanation_text import share_text
from pilothouse_app.charts.annotated import annotated_timeline
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.diff import value_text
from pilothouse_app.components.formats import DASH, day, is_missing, plural, sentence, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import number_column, table, text_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.clocks import in_zone, trend_of
from pilothouse_app.features.monitoring.metrics import (
    metric_title,
    monitored_metrics,
    tick_format,
)
from pilothouse_app.features.monitoring.selection import selection_note, whole_time
from pilothouse_app.features.personal_data.masked import masked_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilothouse.data.personal_data.masking import Masking
    from pilothouse.monitoring.column_changes import BeforeAfter
    from pilothouse.monitoring.example_rows import ExampleRows
    from pilothouse.monitoring.explanation import ColumnCause, Explanation

MAX_EVENTS = 8
TIMELINE_HEIGHT = 400


def explanation_sentences(explanation: Explanation) -> None:
    """Whether it hurts, and what most likely caused it."""
    first, second = (literal(text) for text in explanation.sentences)
    st.markdown(f"**{first}** {second}")


def cause_note(cause: ColumnCause) -> str:
    """How it changed and since when: "Missing: 0 % → 33 % · since 18 Mar 2013 (3 windows)"."""
    changes = [figure_note(change) for change in cause.figures]
    since = f"since {day(cause.since)} ({plural(cause.windows, 'window')})"
    return literal(" · ".join([*changes, since]))


def figure_note(change: BeforeAfter) -> str:
    """One figure before and after."""
    write = share_text if change.unit == "share" else format_number
    return f"{change.title}: {write(change.before)} → {write(change.after)}"


def events_before(explanation: Explanation) -> None:
    """The events shortly before the change, the nearest first, each with a link to its object."""
    section("What came before it", f"up to two windows before {day(explanation.since)}")
    if not explanation.events:
        st.markdown(":gray[No deployment, data version, promotion or retraining.]")
    for event in explanation.events[:MAX_EVENTS]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            icon = ICONS.get(event.object_kind)
            link(address(event.object_kind, event.ref), sentence(event.text), icon=icon)
            by = f" · {literal(event.by)}" if event.by else ""
            st.markdown(f":gray[{when(event.at)}{by}]")


def segments_and_rows(explanation: Explanation, *, key: str) -> None:
    """The segments that changed most, and two rows that show the first column."""
    left, right = st.columns([58, 42], gap="medium")
    masking = masked_log().masking(explanation.deployment)
    if explanation.segments:
        with left:
            _segments(explanation, key=key)
    if explanation.example is not None:
        with right:
            _example(explanation.example, masking, key=key)


def _segments(explanation: Explanation, *, key: str) -> None:
    section("Segments that changed most", "beyond chance, at least 100 rows")
    metric = explanation.metric
    rows = pd.DataFrame([vars(segment) for segment in explanation.segments])
    columns = {
        "column": text_column("Column", width=112),
        "segment": text_column("Segment", width=104),
        "change": text_column("Changed", width=68),
        "rows": number_column("Rows", 0, width=58),
        "shares": text_column("Share of rows", width=104),
    }
    if metric is not None and rows["value"].notna().any():
        columns["values"] = text_column(metric.title)
    frame = rows.assign(
        change=["Metric" if fell else "Share" for fell in rows["fell"]],
        shares=_pairs(rows["share_before"], rows["share_after"], share_text),
        values=_pairs(rows["reference"], rows["value"], metric.text if metric else str),
    )
    table(frame, columns, key=f"{key}_segments", alt="Segments that changed most")


def _pairs(
    before: pd.Series[Any], after: pd.Series[Any], write: Callable[[float], str]
) -> list[str]:
    """Figures before and after, a dash where they are not known."""
    return [
        DASH if is_missing(then) or is_missing(now) else f"{write(then)} → {write(now)}"
        for then, now in zip(before, after, strict=True)
    ]


def _example(example: ExampleRows, masking: Masking, *, key: str) -> None:
    section("Two rows that show it", "as alike as there are in the other columns")
    names = [example.column, *(name for name in example.reference if name != example.column)]
    before, after = masking.record(example.reference), masking.record(example.window)
    frame = pd.DataFrame(
        [(name, value_text(before[name]), value_text(after.get(name))) for name in names],
        columns=["column", "reference", "window"],
    )
    columns = {
        "column": text_column("Column", width=130),
        "reference": text_column("Reference", width=120),
        "window": text_column("Window"),
    }
    table(frame, columns, key=f"{key}_example", alt="Two rows that show it")


def deployment_timeline(deployment: str, *, key: str) -> None:
    """The primary metric with its band, the drift, and what happened, over all windows."""
    chosen = whole_time(deployment)
    metric = trend_of(deployment, PRIMARY, signal=PERFORMANCE, selection=chosen)
    drift = trend_of(deployment, DRIFTED_SHARE, selection=chosen)
    about = "performance with a band of 95 %, drift, and events"
    section("Timeline", "; ".join(filter(None, (about, selection_note(chosen)))))
    if not metric["score"].notna().any() and not drift["score"].notna().any():
        st.markdown(":gray[No window could be evaluated yet.]")
        return

    metrics = monitored_metrics(deployment)
    name = str(metric["check"].iloc[-1]) if len(metric) else next(iter(metrics), "")
    # Another version may be held to another metric: their values do not share an axis.
    metric = metric[metric["check"] == name]
    zone = pd.concat([metric, drift])["zone"].iloc[-1]
    title = metric_title(metrics, name)
    figure(
        annotated_timeline(
            metric,
            drift,
            in_zone(workspace().monitoring.timeline(deployment), zone),
            dark=dark(),
            title=title,
            tickformat=tick_format(metrics.get(name)),
            estimate=trend_of(deployment, name, signal=ESTIMATED_PERFORMANCE, selection=chosen),
        ),
        key=f"{key}_timeline",
        height=TIMELINE_HEIGHT,
        alt=f"{title} and drifted columns by window, with deployments, data, alerts, retrainings",
    )
