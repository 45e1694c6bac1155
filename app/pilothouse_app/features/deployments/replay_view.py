"""Replays on the page of a deployment: recorded requests on another version, and what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.deployments.replay.replay_api import MAX_ROWS
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, count, number, plural, share
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    number_column,
    percent_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.launch import servable_versions

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.deployments.replay.replay_results import ReplayResult

REPLAYS = {
    "version": number_column("On version", 0, width=90),
    "status": status_column(width=100),
    "rows": number_column("Rows", 0, width=90),
    "changed_share": percent_column("Other decision", width=120),
    "at": when_column("When", width=130),
    "requested_by": text_column("By"),
}
CHANGES = {
    "prediction_id": text_column("Prediction", width=290),
    "event_at": when_column("Event (UTC)", relative=False, width=150),
    "version": number_column("Version", 0, width=72),
    "before": text_column("Before", width=120),
    "after": text_column("After", width=120),
    "difference": number_column("Difference", 4),
}
DIFFERENCES = {
    "output": text_column("Output", width=160),
    "mean": number_column("Mean", 4, width=110, help="With its sign"),
    "median": number_column("Median size", 4, width=110),
    "p95": number_column("95 % are below", 4, width=120),
    "largest": number_column("Largest", 4),
}


def replay_view(deployment: DeploymentInfo) -> None:
    """The button, the replays, and what the ticked or newest one found."""
    name = deployment.name
    if st.button("Replay on a version", type="primary", icon=":material/replay:", key="replay"):
        start_replay(name)
    frame = workspace().deployments.replays(name)
    refresh_when_changed(
        lambda: list(workspace().deployments.replays(name)["status"]), key="replays_changes"
    )
    if frame.empty:
        empty(
            "No replay yet",
            "A replay answers recorded requests by another version and says what would change. "
            "Nothing is logged by it.",
            icon=":material/replay:",
            key="no_replays",
        )
        return
    ended = list(frame.loc[frame["status"] == "succeeded", "job"])
    section("Replays", "tick one to see what it found")
    chosen = table(frame, REPLAYS, key="replays", alt="Replays", ids="job", select="one")
    job = next((job for job in chosen if job in set(frame["job"])), ended[0] if ended else "")
    if job:
        _outcome(job)


@st.dialog("Replay on a version", icon=":material/replay:")
def start_replay(name: str) -> None:
    """Which version, and how many of the last recorded rows."""
    deployment = workspace().deployments.deployment(name)
    versions = servable_versions(deployment.model)
    if not versions:
        st.markdown(f"**{literal(deployment.model)}** has no version that could answer.")
        return
    first = next((i for i, v in enumerate(versions) if v != deployment.version), 0)
    version = st.selectbox(
        "Version", versions, index=first, format_func=lambda v: f"Version {v}",
        key="replay_version",
    )  # fmt: skip
    limit = st.number_input("Of the last rows", 1, MAX_ROWS, 1_000, step=500, key="replay_limit")
    st.markdown(
        f"A process of version {version} answers the last {count(limit)} recorded rows of "
        f"**{literal(name)}**, and its answers are compared with those that were given."
    )
    if dialog_buttons("Replay", "replay_start") and run_or_show_error(
        lambda: workspace().deployments.replay(name, version, limit=int(limit))
    ):
        toast_next(f"{name} is replayed on version {version}")
        st.rerun()


def _outcome(job: str) -> None:
    info = workspace().jobs.job(job)
    if not info.ended:
        st.markdown(f":gray[{literal(info.message) or 'Waiting for the worker'}]")
        return
    if info.status != "succeeded":
        st.error(literal(info.error or info.status), icon=":material/error:")
        return
    replay_result(workspace().deployments.replay_result(job))


def replay_result(replayed: ReplayResult) -> None:
    """Shares and sizes, decisions from and to, and the rows that changed most."""
    largest = max((one.largest for one in replayed.differences), default=None)
    left_out = replayed.rows - replayed.answered
    kpi_row(
        [
            Kpi(
                "Answered again",
                count(replayed.answered),
                _left_out(left_out, replayed.of_wrong_type),
            ),
            Kpi("Another decision", share(replayed.changed_share), plural(replayed.changed, "row")),
            Kpi("Largest difference", DASH if largest is None else number(largest), "of an output"),
        ]
    )
    if replayed.decisions:
        moves = [f"{one.before} → {one.after}: **{one.rows:,}**" for one in replayed.decisions]
        st.markdown(" &nbsp;·&nbsp; ".join(moves))
    if replayed.differences:
        section("Differences of the outputs", f"version {replayed.version} minus what was answered")
        rows = pd.DataFrame([vars(one) for one in replayed.differences])
        table(rows, DIFFERENCES, key="replay_differences", alt="Differences", ids="output")
    section("Rows that changed most", plural(len(replayed.changes), "row"))
    if replayed.changes:
        rows = pd.DataFrame(list(replayed.changes))
        rows["event_at"] = pd.to_datetime(rows["event_at"], utc=True, format="ISO8601")
        table(rows, CHANGES, key="replay_changes", alt="Changed rows", ids="prediction_id",
              height=420)  # fmt: skip
    else:
        st.markdown(":gray[No row got another answer.]")


def _left_out(rows: int, of_wrong_type: int) -> str:
    if not rows:
        return "every recorded row"
    typed = f", {count(of_wrong_type)} with a value of a wrong type" if of_wrong_type else ""
    return f"{plural(rows, 'row')} it cannot answer{typed}"
