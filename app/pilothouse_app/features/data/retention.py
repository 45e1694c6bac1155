"""The retention of a dataset's versions: what is too old, its deletion now or on a schedule."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pilothouse.data.retention import CLEAN_UP_JOB, MAX_KEEP_DAYS, MAX_KEEP_VERSIONS
from pilothouse.data.retention_api import KEEP_DAYS, KEEP_VERSIONS
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import address, go
from pilothouse_app.components.schedule_panel import ScheduledWork, schedule_panel
from pilothouse_app.components.table import (
    bytes_column,
    name_column,
    number_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

CLOCKS = {"Every day at 03:40 UTC": "40 3 * * *", "Every Sunday at 03:40 UTC": "40 3 * * 0"}
COLUMNS = {
    "ref": name_column("Version", width=130),
    "rows": number_column("Rows", 0, width=80),
    "bytes": bytes_column(),
    "created_at": when_column("Registered"),
    "outcome": text_column("What becomes of it"),
}


@st.dialog("Retention of versions", width="large", icon=":material/auto_delete:")
def retention_dialog(dataset: str) -> None:
    """Which versions are too old by two limits, and what is done about them."""
    st.markdown(
        "A version goes when it is neither among the newest nor young enough, and nothing uses it. "
        "The one that the name means, and those that are held back, stay."
    )
    left, right = st.columns(2)
    versions = left.number_input(
        "Newest versions that stay", 1, MAX_KEEP_VERSIONS, KEEP_VERSIONS, key="retention_versions"
    )
    days = right.number_input(
        "Days that versions stay", 0, MAX_KEEP_DAYS, KEEP_DAYS, key="retention_days"
    )
    limits = {"keep_versions": int(versions), "keep_days": int(days)}
    old = workspace().data.old_versions(dataset, **limits)
    going = int((old["used_by"] == "").sum())
    _old(dataset, old)
    schedule_panel(
        ScheduledWork(
            "Clean up", "Cleaned up", dataset, "dataset", CLEAN_UP_JOB,
            {"name": dataset, **limits}, CLOCKS,
        ),
        key="retention",
        note="With the limits above. What nothing uses is deleted for good.",
    )  # fmt: skip
    reason = reason_input("retention_reason") if going else ""
    missing = "" if reason else "No version goes" if not going else "Give a reason"
    verb = f"Delete {plural(going, 'version')}" if going else "Delete versions"
    if not dialog_buttons(verb, "retention", missing=missing):
        return
    jobs: list[str] = []
    if run_or_show_error(
        lambda: jobs.append(workspace().data.delete_old_versions(dataset, **limits, reason=reason))
    ):
        toast_next("The clean-up has started")
        go(address("job", jobs[0]))


def _old(dataset: str, old: pd.DataFrame) -> None:
    if old.empty:
        empty("No version is too old", "By these limits every version stays.",
              key="retention_empty")  # fmt: skip
        return
    outcomes = [f"stays: {used_by}" if used_by else "is deleted" for used_by in old["used_by"]]
    table(
        old.assign(outcome=outcomes),
        COLUMNS,
        key=f"retention_{dataset}",
        ids="ref",
        alt="Versions that are too old",
        height=min(33 + 30 * len(old), 250),
    )
