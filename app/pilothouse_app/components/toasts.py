"""Toasts that survive the rerun which the command caused."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.markdown import literal

_WAITING = "_toasts"


def toast_next(text: str, icon: str = ":material/check_circle:") -> None:
    """Show a toast on the next run of the page; call it right before `st.rerun()` or `go`."""
    waiting = st.session_state.get(_WAITING, [])
    st.session_state[_WAITING] = [*waiting, (str(literal(text)), icon)]


def toasts_wait() -> bool:
    """Whether a message waits for the whole page to run: a part that is drawn alone asks."""
    return bool(st.session_state.get(_WAITING))


def show_toasts() -> None:
    """Show what waits; the shell calls it on every run."""
    for text, icon in st.session_state.pop(_WAITING, []):
        st.toast(text, icon=icon)
