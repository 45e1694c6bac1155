"""The end of a log: a block that fills the window and stays at its newest line."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.layout import RULE


def log_view(text: str, *, key: str, reserve: float) -> None:
    """Draw the lines, the newest in sight, in the window less `reserve` rem.

    The block around the lines is what scrolls, so that the keyboard can reach it.
    """
    height = f"max(calc(100vh - {reserve}rem),260px)"
    st.html(f"<style>{RULE.format(key=key, height=height)}</style>")
    with st.container(key=key, height=500, border=False, autoscroll=True):
        st.code(text or "The log is empty so far.", language=None, wrap_lines=True)
