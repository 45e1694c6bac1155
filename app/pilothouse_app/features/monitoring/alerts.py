"""Alerts on a page: the inbox, and what one may do about an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.experiments.metrics.kinds import METRICS
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.notifications.inbox import SHOW
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.diff import readable
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_many, filter_bar, switch
from pilothouse_app.components.formats import sentence, title, when
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.silences import silence_button

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.api import AlertInfo
    from pilothouse.monitoring.notifications.views import AlertView

COLUMNS = {
    "title": name_column("Alert", width=190),
    "state": status_column("State", width=112),
    "severity": status_column("Severity", width=92),
    "message": text_column("Message", width=310),
    "note": text_column("Handled or muted", width=180),
    "breaches": number_column("Windows", 0, width=74, help="Windows in breach"),
    "opened_at": when_column("Opened", width=104),
}
NOTE_ICON = ":material/notifications_paused:"
ONE, ALL = "this", "all"
SCOPES = {ONE: "This deployment", ALL: "All deployments"}


def inbox(deployment: str) -> None:
    """Alerts by deployment, the most severe first; of one deployment or of all."""
    with filter_bar():
        scope = switch(
            "alerts_scope", tuple(SCOPES), "Of", default=ONE, format_func=SCOPES.__getitem__
        )
        parts = choose_many("alerts_state", SHOW, "State", format_func=title)
    alerts = workspace().notifications.inbox(deployment=None if scope == ALL else deployment)
    if alerts.empty:
        empty(
            "No alert has been raised",
            "Rules check each evaluated window; a breach opens an alert here.",
            icon=":material/notifications_off:",
            key="no_alerts",
        )
        return

    chosen = alerts[alerts["show"].isin(parts)] if parts else alerts
    if chosen.empty:
        nothing_found("alerts")
        return

    rows = _display_frame(chosen)
    with table_height("alerts", len(rows), reserve=18) as height:
        table(rows, COLUMNS, key="alerts", alt="Alerts", opens=("alert", "id"), height=height)


def _display_frame(alerts: pd.DataFrame) -> pd.DataFrame:
    names = zip(alerts["deployment"], alerts["name"], strict=True)
    return alerts.assign(
        message=[alert_sentence(message) for message in alerts["message"]],
        title=[f"{deployment}: {rule_title(name)}" for deployment, name in names],
        note=[_note(row) for row in records(alerts)],
    )


def _note(row: Any) -> str:
    """Who handles an alert, or why it is muted."""
    if row["muted"]:
        return sentence(row["reason"])
    return f"acknowledged by {row['acknowledged_by']}" if row["acknowledged_by"] else ""


def notified_as(view: AlertView, severity: str) -> None:
    """One line when an alert is muted, or less severe than its rule says; else nothing."""
    if view.muted:
        until = f" Until {when(view.until)}." if view.until else ""
        st.info(
            f"{literal(sentence(view.reason))}.{until}", title=title(view.muted), icon=NOTE_ICON
        )
    elif view.severity != severity:
        st.info(
            f"The rule says *{severity}*. No loss of performance is known in its window, so it is "
            f"notified as *{view.severity}*.",
            title="Lower severity",
            icon=NOTE_ICON,
        )


def alert_sentence(message: str) -> str:
    """An alert's message with metric keys as titles."""
    return readable(message, METRICS)


def alert_buttons(alert: AlertInfo) -> None:
    """Acknowledge and resolve, each with a note."""
    monitoring = workspace().monitoring
    name = f"{alert.deployment}: {rule_title(alert.name)}"

    if alert.state == "firing" and st.button(
        "Acknowledge", type="primary", icon=":material/visibility:", key="alert_acknowledge"
    ):
        confirm(
            "Acknowledge this alert",
            f"Others see that somebody is handling **{name}**. It stays open until its condition "
            "clears or somebody resolves it.",
            verb="Acknowledge",
            command=lambda note: monitoring.acknowledge(alert.id, note),
            done="The alert is acknowledged",
        )

    if alert.state != "resolved":
        silence_button(alert.deployment, alert.name)

    if alert.state != "resolved" and st.button(
        "Resolve", icon=":material/task_alt:", key="alert_resolve"
    ):
        confirm(
            "Resolve this alert",
            f"**{name}** is closed. The windows up to now no longer count for its rule; a new "
            "breach opens a new alert.",
            verb="Resolve",
            command=lambda note: monitoring.resolve(alert.id, note),
            done="The alert is resolved",
        )
