"""Schedules: what is done again and again, when next, and how to add, rest or remove one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.jobs import workflows
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.links import address, link, query_param
from pilothouse_app.components.records import records
from pilothouse_app.components.table import status_column, table, text_column, when_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.jobs import kind_title

if TYPE_CHECKING:
    import pandas as pd

CADENCES = {
    "Every hour": "0 * * * *",
    "Every day at 06:00": "0 6 * * *",
    "Every Monday at 06:00": "0 6 * * 1",
    "On the first of the month at 06:00": "0 6 1 * *",
}
OWN = "Custom (cron)"
COLUMNS = {
    "name": text_column("Schedule", width=200),
    "status": status_column("State", width=92),
    "cadence": text_column("When", width=210),
    "kind": text_column("What", width=120),
    "title": text_column("Job"),
    "next_at": when_column("Next", relative=False, width=150),
    "last_at": when_column("Last", width=110),
}


def schedules_view() -> None:
    """The schedules; the ticked one can be paused, resumed or removed."""
    frame = workspace().jobs.schedules()
    if frame.empty:
        empty(
            "Nothing is scheduled",
            "A schedule evaluates or retrains a deployment at regular times (UTC).",
            action=("Add a schedule", add_schedule),
            key="no_schedules",
        )
        return

    actions = st.container(horizontal=True, vertical_alignment="center")
    with table_height("schedules", len(frame), reserve=15) as height:
        ticked = table(
            _display_frame(frame),
            COLUMNS,
            key="schedules",
            alt="Schedules",
            ids="name",
            select="one",
            height=height,
        )

    chosen = records(frame[frame["name"].isin(ticked[-1:] or [query_param("schedule")])])
    with actions:
        if chosen:
            _actions(chosen[0])
        else:
            st.markdown(":gray[Tick a schedule to pause, resume or remove it.]")


def _display_frame(schedules: pd.DataFrame) -> pd.DataFrame:
    cadences = {cron: cadence for cadence, cron in CADENCES.items()}
    return schedules.assign(
        status=["active" if enabled else "paused" for enabled in schedules["enabled"]],
        cadence=[cadences.get(cron, cron) for cron in schedules["cron"]],
        kind=[kind_title(kind) for kind in schedules["kind"]],
    )


def _actions(schedule: dict[str, object]) -> None:
    name, jobs = str(schedule["name"]), workspace().jobs
    if schedule["enabled"]:
        if st.button("Pause", icon=":material/pause:", key="schedule_pause"):
            confirm(
                "Pause this schedule",
                f"**{name}** does not run until it is resumed; jobs it started continue.",
                verb="Pause",
                command=lambda reason: jobs.pause_schedule(name, reason),
                done=f"{name} is paused",
            )
    elif st.button("Resume", icon=":material/play_arrow:", key="schedule_resume"):
        confirm(
            "Resume this schedule",
            f"**{name}** runs again from now on; missed runs are not caught up.",
            verb="Resume",
            command=lambda reason: jobs.resume_schedule(name, reason),
            done=f"{name} is resumed",
        )

    if st.button("Remove", icon=":material/delete:", key="schedule_remove"):
        confirm(
            "Remove this schedule",
            f"**{name}** is deleted. Jobs it started are kept.",
            verb="Remove",
            command=lambda reason: jobs.remove_schedule(name, reason),
            done=f"{name} is removed",
        )

    if schedule["last_job"]:
        link(address("job", str(schedule["last_job"])), "Last job", icon=":material/manufacturing:")


def add_schedule_button() -> None:
    """The button that opens the form of a new schedule."""
    if st.button("Add a schedule", icon=":material/add:", key="schedule_add"):
        add_schedule()


@st.dialog("Add a schedule", icon=":material/schedule:")
def add_schedule() -> None:
    """The form of a new schedule."""
    names = list(workspace().deployments.deployments()["name"])
    if not names:
        st.markdown("A schedule needs a deployment, and nothing is deployed yet.")
        return

    kind = st.selectbox("What", _schedulable(), format_func=kind_title, key="schedule_kind")
    deployment = st.selectbox("Deployment", names, key="schedule_deployment")
    cadence = st.selectbox("When (UTC)", [*CADENCES, OWN], index=1, key="schedule_when")
    cron = CADENCES.get(cadence, "")
    if cadence == OWN:
        typed = st.text_input("Cron expression", placeholder="30 5 * * 1-5", key="schedule_cron")
        cron = typed or ""
    suggested = f"{kind_title(kind)} of {deployment}"
    name = st.text_input("Name", value=suggested, key=f"schedule_name_{kind}_{deployment}") or ""
    missing = "" if name.strip() and cron.strip() else "Give a name and a time first"
    if dialog_buttons("Add", "schedule", missing=missing) and run_or_show_error(
        lambda: _add(name.strip(), cron.strip(), kind, deployment)
    ):
        toast_next(f"{name} is scheduled")
        st.rerun()


def _schedulable() -> list[str]:
    """The kinds of jobs that need nothing but a deployment."""
    return [
        name
        for name, workflow in workflows.items()
        if [p.name for p in workflow.parameters if p.required] == ["deployment"]
    ]


def _add(name: str, cron: str, kind: str, deployment: str) -> None:
    args = {"deployment": deployment}
    if "reason" in {parameter.name for parameter in workflows.get(kind).parameters}:
        args["reason"] = f"schedule {name}"
    workspace().jobs.add_schedule(
        name,
        cron,
        kind,
        args,
        title=f"{kind_title(kind)} of {deployment}",
        subject=("deployment", deployment),
    )
