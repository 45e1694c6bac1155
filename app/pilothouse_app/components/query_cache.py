"""Query cache for page reruns, invalidated by any write to the workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from pilothouse_app.components.workspace import workspace

T = TypeVar("T")
SECONDS = 30  # an upper bound, for filters that depend on the current time


def cached(name: str, read: Callable[[], T]) -> T:
    """The value of a query of this name, read again only after a write; plain values only."""
    value: T = _cached(str(workspace().folder), workspace().version, name, read)
    return value


@st.cache_data(ttl=SECONDS, max_entries=256, show_spinner=False)
def _cached(folder: str, version: str, name: str, _read: Callable[[], T]) -> T:
    return _read()
