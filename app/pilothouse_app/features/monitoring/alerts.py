"""Alerts on a page: the inbox, and what one may do about an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.metrics.kinds import METRICS
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.tables import ACKNOWLEDGED, FIRING, PENDING, RESOLVED
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.diff import readable
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_many, filter_bar
from pilothouse_app.components.status import status_title
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

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.api import AlertInfo

# Those that need somebody come first.
STATES = (FIRING, PENDING, ACKNOWLEDGED, RESOLVED)
COLUMNS = {
    "title": name_column("Alert", width=190),
    "state": status_column("State", width=112),
    "severity": status_column("Severity", width=92),
    "message": text_column("Message"),
    "breaches": number_column("Windows", 0, width=74, help="Windows in breach"),
    "opened_at": when_column("Opened", width=104),
}


def inbox(deployment: str = "") -> None:
    """The alerts, those that need somebody first; of one deployment or of all."""
    alerts = workspace().monitoring.alerts(deployment=deployment or None)
    if alerts.empty:
        empty(
            "No alert has been raised",
            "Rules check each evaluated window; a breach opens an alert here.",
            icon=":material/notifications_off:",
            key="no_alerts",
        )
        return

    with filter_bar():
        states = choose_many("alerts_state", STATES, "State", format_func=status_title)
    chosen = alerts[alerts["state"].isin(states)] if states else alerts
    if chosen.empty:
        nothing_found("alerts")
        return

    rows = _display_frame(chosen)
    with table_height("alerts", len(rows), reserve=18) as height:
        table(rows, COLUMNS, key="alerts", alt="Alerts", opens=("alert", "id"), height=height)


def _display_frame(alerts: pd.DataFrame) -> pd.DataFrame:
    urgent = alerts.sort_values("state", key=lambda states: states.map(STATES.index), kind="stable")
    names = zip(urgent["deployment"], urgent["name"], strict=True)
    return urgent.assign(
        message=[alert_sentence(message) for message in urgent["message"]],
        title=[f"{deployment}: {rule_title(name)}" for deployment, name in names],
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
