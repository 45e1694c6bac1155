"""One environment: its state and way on, what runs in it, its log, lock and requirements."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import ICONS, address, link, query_param, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.environments.commands import environment_commands
from pilothouse_app.features.environments.details import (
    environment_facts,
    environment_view,
    outcome_box,
    uses_table,
)

SCREEN = Screen(
    title="Environment",
    path="environment",
    icon=":material/inventory_2:",
    summary="One environment with its log and lock",
    parent="environments",
)
VIEWS = ("log", "lock", "requirements", "details")


def render() -> None:
    """The environment the address names, by its id or by what runs in it."""
    name = query_param("id")
    back = ("Environments", screen("environments"))
    if not name:
        with header("Environment", back=back):
            pass
        to = ("Open environments", screen("environments"))
        empty("Which environment?", "The address names none.", to=to)
        return
    info = workspace().environments.environment(name)
    named = ", ".join(info.subjects[:3]) or info.id
    with header(
        f"Environment of {named}" if info.subjects else named, status=info.state, back=back
    ):
        environment_commands(info)

    with st.container(horizontal=True, vertical_alignment="center"):
        view = switch("environment_view", VIEWS, "Show", format_func=title)
        if info.job:
            link(address("job", info.job), "Job", icon=ICONS["job"])
    live(
        lambda: _body(info.id, view),
        key="environment_live",
        busy=info.in_progress,
        state=info.state,
    )


def _body(name: str, view: str) -> str:
    """The part that moves; the state that it has come to."""
    ws = workspace()
    info = ws.environments.environment(name)
    facts(environment_facts(info))
    if info.in_progress and info.job:
        job = ws.jobs.job(info.job)
        st.progress(job.progress, job.message or title(info.state))
    outcome_box(info)
    left, right = st.columns([46, 54], gap="medium")
    with left:
        uses_table(info)
    with right:
        section(title(view))
        environment_view(info, view)
    return info.state
