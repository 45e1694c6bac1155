"""Silences on a page: the form of a new one, and the table of those that hold."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications.silences import EVERYTHING, SilenceSpec
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import section
from pilothouse_app.components.records import records
from pilothouse_app.components.table import name_column, table, text_column, when_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

COLUMNS = {
    "title": name_column("Silenced", width=220),
    "reason": text_column("Reason"),
    "created_by": text_column("By", width=110),
    "ends_at": when_column("Until (UTC)", relative=False, width=150),
}
SPANS = {"4 hours": 4, "1 day": 24, "3 days": 72, "1 week": 168, "4 weeks": 672}


def silence_button(deployment: str, rule: str = EVERYTHING) -> None:
    """The button that opens the form of a silence, filled for a deployment and a rule."""
    if st.button("Silence", icon=":material/notifications_paused:", key="silence_add"):
        add_silence(deployment, rule)


@st.dialog("Silence alerts", icon=":material/notifications_paused:")
def add_silence(deployment: str, rule: str) -> None:
    """The form of a new silence."""
    st.markdown(
        "Nobody is notified of these alerts until the end. The alerts move on; what still fires "
        "then is notified."
    )
    with st.container(horizontal=True):
        deployments = st.text_input("Deployment", deployment, key="silence_deployment") or ""
        rules = st.text_input("Rule", rule, key="silence_rule", help="`*` is every rule") or ""
    with st.container(horizontal=True):
        severities = (EVERYTHING, *SEVERITIES)
        severity = st.selectbox("Severity", severities, format_func=_severity, key="silence_level")
        span = st.selectbox("For", list(SPANS), index=1, key="silence_span")
    reason = reason_input("silence_reason")
    missing = "" if reason else "Give a reason first"
    if not (deployments.strip() and rules.strip()):
        missing = "Name a deployment and a rule first; * is every one"
    if not dialog_buttons("Silence", "silence", missing=missing):
        return
    until = workspace().store.now() + timedelta(hours=SPANS[span])
    silence = SilenceSpec(reason, until, deployment=deployments, rule=rules, severity=severity)
    if run_or_show_error(lambda: workspace().notifications.add_silence(silence)):
        toast_next(f"Silenced for {span}")
        st.rerun()


def silences_view(deployment: str) -> None:
    """The silences that hold, of all deployments; a new one begins with this one."""
    frame = workspace().notifications.silences()
    section("Silences", "" if len(frame) else "none holds")
    ticked: list[str] = []
    if len(frame):
        ticked = table(frame, COLUMNS, key="silences", alt="Silences that hold", select="one")
    with st.container(horizontal=True):
        silence_button(deployment)
        for row in records(frame[frame["id"].isin(ticked)]):
            _end_button(str(row["id"]))


def _end_button(silence: str) -> None:
    if st.button("End this silence", icon=":material/notifications_active:", key="silence_end"):
        confirm(
            "End this silence",
            "Alerts that it mutes and that still fire are notified at once.",
            verb="End",
            command=lambda reason: workspace().notifications.end_silence(silence, reason),
            done="The silence has ended",
        )


def _severity(severity: str) -> str:
    return "Every severity" if severity == EVERYTHING else title(severity)
