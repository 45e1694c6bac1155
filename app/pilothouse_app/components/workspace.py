"""The one cached object: the workspace this app was started on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import unquote

import streamlit as st

import pilothouse
from pilothouse.kit.processes import find
from pilothouse.kit.settings import read_settings

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

ENVIRONMENT = "PILOTHOUSE_WORKSPACE"
PERSON = "_person"  # in the state of a session: the name chosen in it
COOKIE = "pilothouse_person"


def workspace() -> Workspace:
    """The workspace of this app, acting as the person of this browser.

    Raises Unavailable or Refused when it cannot be opened.
    """
    ws = opened(os.environ.get(ENVIRONMENT, "workspace"))
    name = _browser_name()
    return ws.acting_as(name) if name else ws


def chosen_name() -> str:
    """The person who acts: chosen in this browser, else PILOTHOUSE_ACTOR; "" when nobody is."""
    store = workspace().store
    return store.actor if store.is_person else ""


def cookie_name() -> str:
    """The name that this browser keeps; "" without one. It can be changed by whoever uses it."""
    return unquote(st.context.cookies.get(COOKIE, ""))


def _browser_name() -> str:
    """The name chosen in this session, else the one that the browser keeps and a person has."""
    if PERSON not in st.session_state:
        cookie = cookie_name()
        if not cookie:
            return ""
        ws = opened(os.environ.get(ENVIRONMENT, "workspace"))
        active = any(person.name == cookie for person in ws.people.people())
        st.session_state[PERSON] = cookie if active else ""
    return str(st.session_state[PERSON])


def _close(opened_workspace: Workspace) -> None:
    opened_workspace.store.engine.dispose()


@st.cache_resource(show_spinner=False, max_entries=4, on_release=_close)
def opened(path: str) -> Workspace:
    """The workspace in a folder, opened once per process."""
    return pilothouse.open_workspace(path)


def server_url() -> str:
    """The URL of this workspace's server, whether or not it runs."""
    running = find(workspace().folder / "run", "server")
    return running.url if running else f"http://127.0.0.1:{read_settings().server_port}"
