"""The clock of one piece of work: the schedule that exists, or a form that adds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pilothouse_app.components.dialogs import run_or_show_error
from pilothouse_app.components.links import link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace


@dataclass(frozen=True)
class ScheduledWork:
    """Work that a schedule may start: `verb` and `done` say it, as in "Refresh", "Refreshed".

    `clocks` are cron expressions by what they are called.
    """

    verb: str
    done: str
    of: str
    kind: str
    workflow: str
    args: Mapping[str, Any]
    clocks: Mapping[str, str]


def schedule_panel(work: ScheduledWork, *, key: str, note: str = "") -> None:
    """The schedule of the work with its clock, or the choice of a clock; `note` stands above it."""
    name, jobs = f"{work.verb} {work.of}", workspace().jobs
    schedules = jobs.schedules()
    existing = schedules[schedules["name"] == name]
    if not existing.empty:
        with st.container(horizontal=True, vertical_alignment="center"):
            clock = literal(str(existing["cron"].iloc[0]))
            st.markdown(f":gray[{work.done} by the schedule {clock} (UTC)]", width="content")
            link(screen("pipelines"), "Schedules", icon=":material/schedule:")
        return
    with st.expander(f"{work.verb} on a schedule", icon=":material/schedule:"):
        if note:
            st.markdown(f":gray[{note}]")
        chosen = str(st.selectbox("When", list(work.clocks), key=f"{key}_clock"))
        if st.button("Add schedule", key=f"{key}_schedule") and run_or_show_error(
            _added(work, name, work.clocks[chosen])
        ):
            toast_next(f"{work.of} is {work.done.lower()} on a schedule")
            st.rerun()


def _added(work: ScheduledWork, name: str, cron: str) -> Callable[[], object]:
    return lambda: workspace().jobs.add_schedule(
        name, cron, work.workflow, dict(work.args), title=name, subject=(work.kind, work.of)
    )
