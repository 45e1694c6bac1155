"""A screen that is one file."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.screen import Screen

SCREEN = Screen(
    title="Lineup",
    path="lineup",
    icon=":material/list:",
    summary="Every deployment on one page",
    section="Operate",
)


def render() -> None:
    """Draw the page."""
    st.markdown("All deployments in a row")
