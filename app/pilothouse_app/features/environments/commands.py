"""Commands on environments: build again, change requirements, remove, free disk space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.environments.request import NEWEST, OLDEST, EnvironmentRequest
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import plural, size
from pilothouse_app.components.links import address, go, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.environments import EnvironmentInfo

PYTHONS = tuple(f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1))
HELP = "One a line, such as scikit-learn==1.6.1; addresses and paths are not installed."


def environment_commands(info: EnvironmentInfo) -> None:
    """The buttons of one environment: none that would be refused."""
    ws = workspace()
    if info.can_be_removed and st.button("Remove", icon=":material/delete:", key="env_remove"):
        confirm(
            "Remove this environment",
            "Its folder is deleted. "
            + (f"{literal(', '.join(info.subjects))} then has none." if info.subjects else ""),
            verb="Remove",
            command=lambda reason: ws.environments.remove(info.id, reason),
            done="The environment is removed",
            then=screen("environments"),
        )
    if _can_be_changed(info) and st.button(
        "Change requirements", icon=":material/edit_note:", key="env_change"
    ):
        _change_dialog(info)
    if info.can_be_rebuilt and st.button(
        "Build again",
        type="primary" if info.state in ("failed", "removed") else "secondary",
        icon=":material/replay:",
        key="env_rebuild",
    ):
        confirm(
            "Build this environment again",
            "Its requirements are resolved and built anew, and what runs in it is checked again.",
            verb="Build again",
            command=lambda reason: ws.environments.rebuild(info.id, reason),
            done="The environment is being built",
        )


def collect_button() -> None:
    """The button that removes what has not been used for longest."""
    ws = workspace()
    limit = ws.store.settings.environments_max_mb
    if st.button("Free disk space", icon=":material/cleaning_services:", key="env_collect"):
        confirm(
            "Free disk space",
            f"Environments take {size(ws.environments.disk_bytes())}. Those that no deployment "
            "needs and nobody has used within an hour are removed, their locks kept. Unless you "
            f"ask for it here, that happens above {limit:,} MB.",
            verb="Free disk space",
            command=_collect,
            done="",
        )


def _collect(reason: str) -> None:
    result = workspace().environments.collect(limit_mb=0, reason=reason)
    removed = plural(len(result.removed), "environment")
    toast_next(f"Removed {removed}, freed {size(result.freed_bytes)}")


def _can_be_changed(info: EnvironmentInfo) -> bool:
    """Whether other requirements are of use: for what runs in it, unless it is deployed."""
    return bool(info.subjects) and not info.deployed and not info.in_progress


@st.dialog("Change requirements", width="medium", icon=":material/edit_note:", on_dismiss="rerun")
def _change_dialog(info: EnvironmentInfo) -> None:
    """Ask for an environment with other requirements, for one version that runs in this one."""
    requested = EnvironmentRequest.from_json(info.request)
    subject = st.selectbox("For", info.subjects, key="env_change_subject")
    lines = st.text_area(
        "Requirements", "\n".join(requested.requirements), height=260, help=HELP, key="env_lines"
    )
    options = PYTHONS if requested.minor in PYTHONS else (requested.minor, *PYTHONS)
    python = st.selectbox("Python", options, index=options.index(requested.minor), key="env_python")
    dated = requested.logged_at is not None and st.checkbox(
        f"Only packages that were there on {requested.logged_at:%d %b %Y}", True, key="env_dated"
    )
    changed = replace(
        requested,
        requirements=tuple((lines or "").splitlines()),
        python=str(python),
        logged_at=requested.logged_at if dated else None,
        conda=(),
        kind="verbatim",
        interpreter="",
    )
    if dialog_buttons("Build", "env_change") and run_or_show_error(
        lambda: _request(changed, str(subject))
    ):
        st.rerun()


def _request(requested: EnvironmentRequest, subject: str) -> None:
    info = workspace().environments.request(requested, subject)
    toast_next(f"The environment of {subject} is being built")
    go(address("environment", info.id))
