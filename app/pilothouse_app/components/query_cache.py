"""What is asked again on every run of a page, kept until anything is written to the workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from pilothouse_app.components.workspace import workspace

T = TypeVar("T")
SECONDS = 30  # for filters in which time itself plays a part


def cached(name: str, ask: Callable[[], T]) -> T:
    """The answer to a question of this name: plain values, from the last time it was asked."""
    found: T = _kept(str(workspace().folder), workspace().version, name, ask)
    return found


@st.cache_data(ttl=SECONDS, max_entries=256, show_spinner=False)
def _kept(folder: str, version: str, name: str, _ask: Callable[[], T]) -> T:
    return _ask()
