"""One alert: what breached and by how much, what happened to it, and what one can do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.check_titles import signal_title
from pilothouse.monitoring.checks import DRIFTED_SHARE, PRIMARY, RECENT_PERFORMANCE
from pilothouse.monitoring.windows import span_text
from pilothouse_app.charts.windows import status_over_time
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import ago, number, title, when
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import address, go, link, query_param, screen
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.records import records
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.attention.assign import assignee_choice
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.monitoring.alerts import alert_buttons, alert_sentence, notified_as
from pilothouse_app.features.monitoring.clocks import trend_of
from pilothouse_app.features.monitoring.drift import ranking_and_distributions
from pilothouse_app.features.monitoring.explanation import (
    cause_note,
    deployment_timeline,
    events_before,
    explanation_sentences,
    segments_and_rows,
)
from pilothouse_app.features.monitoring.notifications import deliveries_of_alert
from pilothouse_app.features.monitoring.rules import rule_sentence
from pilothouse_app.features.monitoring.selection import whole_time
from pilothouse_app.features.pipelines.start import retrain_button

if TYPE_CHECKING:
    from pilothouse.monitoring.api import AlertInfo, WindowInfo
    from pilothouse.monitoring.explanation import Explanation

SCREEN = Screen(
    title="Alert",
    path="alert",
    icon=":material/notifications:",
    summary="One alert with its history",
    parent="monitoring",
)


def render() -> None:
    """The alert the address names."""
    alert_id = query_param("id")
    inbox = screen("monitoring", monitoring_view="Alerts")
    if not alert_id:
        with header("Alert", back=("Alerts", inbox)):
            pass
        empty("Which alert?", "The address names none.", to=("Open the inbox", inbox))
        return

    alert = workspace().monitoring.alert(alert_id)
    explanation = _explanation(alert_id)
    with header(
        f"{alert.deployment}: {rule_title(alert.name)}", status=_status(alert),
        back=("Alerts", inbox),
    ):  # fmt: skip
        _report_button(explanation)
        if alert.state != "resolved":
            retrain_button(alert.deployment, alert=alert.id if alert.state == "firing" else "")
        alert_buttons(alert)

    refresh_when_changed(
        lambda: workspace().monitoring.alert(alert_id).state,
        key="alert_changes",
        message="This alert has changed elsewhere",
    )

    if explanation is not None:
        explanation_sentences(explanation)
    if alert.state != "resolved":
        notified_as(workspace().notifications.view(alert_id), alert.severity)
    assignee_choice("alert", alert.id)
    _facts(alert)
    _links(alert, _windows(alert))
    _why(explanation)
    deployment_timeline(alert.deployment, key="alert")
    left, right = st.columns([58, 42], gap="medium")
    with left:
        _trend(alert)
    with right:
        _events(alert)
        deliveries_of_alert(alert.id)
    comment_thread("alert", alert.id)


def _status(alert: AlertInfo) -> str:
    """Its state; one that ended while it was pending has never fired."""
    return "never_fired" if alert.state == "resolved" and alert.fired_at is None else alert.state


def _explanation(alert_id: str) -> Explanation | None:
    """Why the alert was raised; None when the window that says so was removed."""
    with suppress(NotFound):
        return cached(
            f"explanation of {alert_id}", lambda: workspace().monitoring.explain(alert_id)
        )
    return None


def _why(explanation: Explanation | None) -> None:
    """The columns by harm with both distributions, and the events before the change."""
    if explanation is None:
        st.markdown(":gray[The window was removed.]")
        return
    notes = {cause.column: cause_note(cause) for cause in explanation.columns}
    ranking_and_distributions(explanation.window, key="alert", notes=notes)
    segments_and_rows(explanation, key="alert")
    events_before(explanation)


def _report_button(explanation: Explanation | None) -> None:
    if explanation is not None and st.button(
        "Drift report",
        icon=":material/lab_profile:",
        help="Evidently's report of the window that is explained, made by a job and kept",
        key="alert_report",
    ):
        report = workspace().monitoring.request_report(explanation.window)
        toast_next("The report is being made")
        go(address("report", report))


def _windows(alert: AlertInfo) -> dict[str, WindowInfo]:
    """The first and the last window of an alert, without those that were removed since."""
    windows = {}
    for window_id in dict.fromkeys((alert.first_window, alert.last_window)):
        with suppress(NotFound):
            windows[window_id] = workspace().monitoring.window(window_id)
    return windows


def _facts(alert: AlertInfo) -> None:
    facts(
        {
            "Severity": title(alert.severity),
            "Score": number(alert.score),
            "Limit": number(alert.limit),
            "Windows in breach": str(alert.breaches),
            "Opened": ago(alert.opened_at),
            "Fired": ago(alert.fired_at) if alert.fired_at else "",
            "Acknowledged by": literal(alert.acknowledged_by),
            "Action": "retrain" if alert.action == "retrain" else "",
        }
    )


def _links(alert: AlertInfo, windows: Mapping[str, WindowInfo]) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for window_id, window in windows.items():
            label = span_text(window.start, window.end, window.zone)
            link(address("window", window_id), label, icon=":material/date_range:")
        link(
            screen("monitoring", monitoring_deployment=alert.deployment),
            alert.deployment,
            icon=":material/monitoring:",
        )
        link(address("rule", alert.rule_id), "Rule", icon=":material/rule:")


def _trend(alert: AlertInfo) -> None:
    monitoring = workspace().monitoring
    rules = monitoring.rules(alert.deployment)
    matching = records(rules[rules["id"] == alert.rule_id])
    if not matching:
        return

    rule = matching[0]
    section("Breaches when", literal(rule_sentence(rule)))
    st.markdown(literal(alert_sentence(alert.message)))
    is_recent = rule["signal"] == RECENT_PERFORMANCE
    if str(rule["check"]) in (PRIMARY, DRIFTED_SHARE) and not is_recent:
        return  # the timeline has it
    signal = str(rule["signal"])
    chosen = whole_time(alert.deployment)
    trend = trend_of(alert.deployment, str(rule["check"]), signal=signal, selection=chosen)
    if trend.empty or trend["column"].nunique() > 1:
        return

    name = signal_title(signal, str(trend["check"].iloc[-1]))
    error = "standard_error" if is_recent else ""
    figure(
        status_over_time(
            trend, dark=dark(), value="score", status="status", limit=alert.limit, error=error
        ),
        key="alert_course",
        height=250,
        alt=f"{name} by window, with the limit of this rule",
    )


def _events(alert: AlertInfo) -> None:
    section("History")
    for event in reversed(records(workspace().monitoring.alert_events(alert.id))):
        with st.container(border=True, gap="xsmall"):
            st.markdown(
                f"{badge_text(event['after'])} &nbsp;:gray[{when(event['at'])} · "
                f"{literal(event['by'])}]"
            )
            if event["note"]:
                st.markdown(literal(alert_sentence(event["note"])))
