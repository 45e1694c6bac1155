"""Files in forms: what is read of one is read once, not each time the form is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def read_once(key: str, identity: str, read: Callable[[], T]) -> T:
    """The value of `read`, kept in the session under `key` until the identity is another.

    Plain values only, for a class is made anew when its module is. What `read` raises is raised,
    and nothing is kept then.
    """
    stored: tuple[str, T] | None = st.session_state.get(key)
    if stored is not None and stored[0] == identity:
        return stored[1]
    st.session_state.pop(key, None)
    value = read()
    st.session_state[key] = (identity, value)
    return value
