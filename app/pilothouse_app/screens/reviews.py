"""Reviews: meetings over what waits for people, and the minutes of those that were held."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.links import address, go
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.reviews.dialogs import start_dialog

SCREEN = Screen(
    title="Reviews",
    path="reviews",
    icon=":material/groups:",
    summary="Decide in a meeting what waits for people, and keep the minutes",
    section="Govern",
    order=8,
)
TABLE = "reviews"
COLUMNS = {
    "title": name_column("Review", width=320),
    "state": status_column("State", width=96),
    "started_at": when_column("Started", relative=False, width=150),
    "started_by": text_column("By", width=150),
    "items": text_column("Items", width=80),
    "people": text_column("People", width=80),
}


def render() -> None:
    """The list, with the one that is open first."""
    reviews = workspace().reviews
    current, waiting = reviews.current(), len(reviews.agenda())
    with header("Reviews", note=f"{plural(waiting, 'item')} waiting"):
        if current is not None:
            if st.button("Go on", type="primary", icon=":material/groups:", key="review_resume"):
                go(address("review", current.id))
        elif st.button(
            "Start a review", type="primary", icon=":material/groups:", key="review_begin"
        ):
            start_dialog(waiting)

    frame = reviews.frame()
    if frame.empty:
        empty(
            "No review was held yet",
            "A review takes what waits for people, one question at a time in large type, and "
            "writes down who decided what and why.",
            icon=":material/groups:",
        )
        return

    frame["state"] = frame["ended_at"].map(lambda at: "open" if at is None or at != at else "ended")
    frame = frame.astype({"items": str, "people": str})
    with table_height(TABLE, len(frame), reserve=12) as height:
        table(frame, COLUMNS, key=TABLE, alt="Reviews", opens=("review", "id"), height=height)
