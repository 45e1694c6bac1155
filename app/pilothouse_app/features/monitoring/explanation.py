"""Why a window is bad: two sentences, the events before it, and the deployment's timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.monitoring.binning import format_number
from pilothouse.monitoring.checks import DRIFTED_SHARE, PERFORMANCE, PRIMARY
from pilothouse.monitoring.explain import ESTIMATED
from pilothouse.monitoring.explanation_text import share_text
from pilothouse_app.charts.annotated import annotated_timeline
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.formats import day, plural, when
from pilothouse_app.components.header import section
from pilothouse_app.components.links import ICONS, address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.metrics import (
    metric_title,
    monitored_metrics,
    tick_format,
)

if TYPE_CHECKING:
    from pilothouse.monitoring.column_changes import BeforeAfter
    from pilothouse.monitoring.explanation import ColumnCause, Explanation

MAX_EVENTS = 8
TIMELINE_HEIGHT = 400


def explanation_sentences(explanation: Explanation) -> None:
    """Whether it hurts, and what most likely caused it."""
    first, second = (literal(sentence) for sentence in explanation.sentences)
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
            link(address(event.object_kind, event.ref), _sentence(event.text), icon=icon)
            by = f" · {literal(event.by)}" if event.by else ""
            st.markdown(f":gray[{when(event.at)}{by}]")


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def deployment_timeline(deployment: str, *, key: str) -> None:
    """The primary metric with its band, the drift, and what happened, over all windows."""
    monitoring = workspace().monitoring
    metric = monitoring.trend(deployment, PRIMARY, signal=PERFORMANCE)
    drift = monitoring.trend(deployment, DRIFTED_SHARE)
    section("Timeline", "performance with a band of 95 %, drift, and events")
    if not metric["score"].notna().any() and not drift["score"].notna().any():
        st.markdown(":gray[No window could be evaluated yet.]")
        return

    metrics = monitored_metrics(deployment)
    name = str(metric["check"].iloc[-1]) if len(metric) else next(iter(metrics), "")
    # Another version may be held to another metric: their values do not share an axis.
    metric = metric[metric["check"] == name]
    title = metric_title(metrics, name)
    figure(
        annotated_timeline(
            metric,
            drift,
            monitoring.timeline(deployment),
            dark=dark(),
            title=title,
            tickformat=tick_format(metrics.get(name)),
            estimate=monitoring.trend(deployment, name, signal=ESTIMATED),
        ),
        key=f"{key}_timeline",
        height=TIMELINE_HEIGHT,
        alt=f"{title} and drifted columns by window, with deployments, data, alerts, retrainings",
    )
