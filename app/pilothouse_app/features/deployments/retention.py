"""How long the rows of a deployment's log are kept, on its page, and what was deleted of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import ago, plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.links import address, go_next
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import number_column, table, text_column, when_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from datetime import datetime

    from pilothouse.deployments.log_rules.log_api import LogRetention

COLUMNS = {
    "at": when_column("Deleted", relative=False, width=150),
    "what": text_column("Why", width=100),
    "before": when_column("Events before (UTC)", relative=False, width=150),
    "predictions": number_column("Predictions", 0, width=100),
    "labels": number_column("Labels", 0, width=90),
    "requests": number_column("Requests", 0, width=90),
    "files": number_column("Files", 0, width=70),
    "by": text_column("By"),
}
DEFAULT_DAYS = 90


def deleted_note(name: str) -> None:
    """Say from when on there are rows, where older ones were deleted."""
    deleted = workspace().deployments.log_state(name).deleted_before
    if deleted is not None:
        st.markdown(f":gray[Rows of events before {_day(deleted)} were deleted by retention.]")


def retention_view(name: str) -> None:
    """How long rows are kept, since when there are some, and each deletion."""
    state = workspace().deployments.log_state(name)
    kpi_row(_tiles(state))
    if state.held_by:
        st.markdown(f":gray[Older rows were left at the last clean-up: {literal(state.held_by)}.]")
    with st.container(horizontal=True):
        if st.button("Change", type="primary", icon=":material/edit:", key="retention_change"):
            change_retention(name)
        is_kept = state.rules.keep_days is None
        if st.button(
            "Delete old rows now",
            icon=":material/delete_sweep:",
            disabled=is_kept,
            help="All rows are kept" if is_kept else "A job; otherwise it runs every day",
            key="retention_now",
        ):
            _delete_now(name, state.rules.keep_days or 0)
    _deletions(name)


@st.dialog("How long rows are kept", icon=":material/auto_delete:")
def change_retention(name: str) -> None:
    """For ever, or for a number of days; what becomes of older rows is said before."""
    rules = workspace().deployments.log_rules(name)
    days = st.number_input(
        "Days", 1, 36_500, rules.keep_days, placeholder="For ever", key="retention_days"
    )
    st.markdown(_consequence(days))
    after = replace(rules, keep_days=None if days is None else int(days))
    reason = reason_input("retention_reason")
    missing = "" if reason else "Give a reason first"
    if after == rules:
        missing = "Change something first"
    if dialog_buttons("Save", "retention", missing=missing) and run_or_show_error(
        lambda: workspace().deployments.set_log_rules(name, after, reason)
    ):
        toast_next(f"The retention of {literal(name)} is changed")
        st.rerun()


def _consequence(days: float | None) -> str:
    if days is None:
        return ":gray[Rows are kept for ever. What was deleted before does not come back.]"
    return (
        f":material/auto_delete: Every day at 03:23 UTC a job deletes predictions, labels and "
        f"requests that are older than {plural(int(days), 'day')} by their event and by their "
        "receipt. Windows that were judged keep their results; rows that monitoring has not judged "
        "yet, or compares with, stay longer."
    )


def _tiles(state: LogRetention) -> list[Kpi]:
    days = state.rules.keep_days
    length = "For ever" if days is None else plural(days, "day")
    since = "All" if state.deleted_before is None else f"Since {_day(state.deleted_before)}"
    cleaned = "None yet" if state.cleaned_at is None else ago(state.cleaned_at)
    return [
        Kpi("Rows are kept", length, "by event and receipt"),
        Kpi("Events in the log", since, "older ones were deleted" if state.deleted_before else ""),
        Kpi("Last clean-up", cleaned, "every day at 03:23 UTC" if days is not None else "not due"),
    ]


def _delete_now(name: str, days: int) -> None:
    def act(_reason: str) -> None:
        go_next(address("job", workspace().deployments.clean_log(name)))

    confirm(
        "Delete old rows now",
        f"A job deletes the rows of **{literal(name)}** that are older than "
        f"{plural(days, 'day')}. They do not come back.",
        verb="Delete",
        command=act,
        needs_reason=False,
        done="Old rows are being deleted",
    )


def _deletions(name: str) -> None:
    frame = workspace().deployments.log_deletions(name)
    section("Deleted rows", plural(len(frame), "deletion") if len(frame) else "none were deleted")
    if len(frame):
        rows = frame.assign(what=frame["kind"].map(title))
        table(rows, COLUMNS, key="log_deletions", alt="Deleted rows")


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"
