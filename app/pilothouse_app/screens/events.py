"""Events: what comes from Kafka and leaves to it, how it goes, and what was set aside."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.events.connection_form import add_dialog
from pilothouse_app.features.events.connection_list import connections_view

SCREEN = Screen(
    title="Events",
    path="events",
    icon=":material/sync_alt:",
    summary="Labels, requests, predictions and alerts as messages",
    section="Operate",
    order=35,
)


def render() -> None:
    """The connections, and the messages of the one that is ticked."""
    connections = workspace().events.connections()
    with header("Events", note=plural(len(connections), "connection")):
        if connections and st.button(
            "Add a connection", type="primary", icon=":material/add:", key="add_connection"
        ):
            add_dialog()
    connections_view(connections)
