"""The one cached object: the workspace this app was started on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import streamlit as st

import pilothouse
from pilothouse.kit.processes import find
from pilothouse.kit.settings import read_settings

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

ENVIRONMENT = "PILOTHOUSE_WORKSPACE"


def workspace() -> Workspace:
    """The workspace of this app. Raises Unavailable or Refused when it cannot be opened."""
    return opened(os.environ.get(ENVIRONMENT, "workspace"))


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
