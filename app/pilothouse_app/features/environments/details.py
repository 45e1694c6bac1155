"""One environment: why it failed and the way on, what runs in it, its requirements and lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.environments.request import KIND_TITLES
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, count, size, when
from pilothouse_app.components.header import section
from pilothouse_app.components.log_view import log_view
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.environments import EnvironmentInfo

MAX_USES = 6


def environment_facts(info: EnvironmentInfo) -> dict[str, str]:
    """The line under the title."""
    return {
        "Python": info.python,
        "Packages": count(info.packages) if info.lock else DASH,
        "Size": size(info.bytes) if info.bytes else "",
        "Not shared": size(info.own_bytes) if info.bytes else "",
        "Built": when(info.built_at) if info.built_at else "",
        "Requested by": literal(info.created_by),
    }


def outcome_box(info: EnvironmentInfo) -> None:
    """Why it is not there and what to do; what is to be noted when it is."""
    if info.state == "failed":
        text = f"{literal(info.message)}\n\n{literal(info.hint)}"
        st.error(text, title=info.failure_title, icon=":material/error:")
    elif info.state == "removed":
        st.info(f"{literal(info.message)} {literal(info.hint)}", icon=":material/delete:")
    for note in info.notes:
        st.info(literal(note), icon=":material/info:")


def uses_table(info: EnvironmentInfo) -> None:
    """What runs in it, and whether it answered its example."""
    uses = workspace().environments.uses(info.id)
    section("Runs in it", str(len(uses)) if len(uses) else "")
    if uses.empty:
        empty("No model version", "It is removed when its disk space is needed.", key="no_uses")
        return
    table(
        uses,
        {
            "subject": name_column("Version", width=150),
            "state": status_column(),
            "message": text_column("Message", width=330),
            "checked_at": when_column("Checked", width=104),
        },
        key=f"environment_uses_{info.id}",
        ids="subject",
        alt="Model versions that run in this environment",
        opens=("version", "subject"),
        height=limited_height(len(uses), MAX_USES),
    )


def environment_view(info: EnvironmentInfo, view: str) -> None:
    """The log, the lock, the requirements or the details."""
    if view == "log":
        log_view(workspace().environments.log(info.id), key="environment_log", reserve=19)
    elif view == "lock":
        st.code(info.lock or "Not resolved yet.", language=None, wrap_lines=True)
    elif view == "requirements":
        st.code("\n".join(info.requirements) or "None.", language=None, wrap_lines=True)
    else:
        pairs_table(
            {
                "kind": KIND_TITLES[info.kind],
                "interpreter": str(info.interpreter or ""),
                "platform": info.platform,
                "packages_until": when(info.logged_at) if info.logged_at else "",
                "last_used": when(info.used_at) if info.used_at else "",
                "id": info.id,
                "folder": f"environments/{info.hash}" if info.hash else "",
            },
            alt="Details of the environment",
        )
