"""The list of connections with their states, what can be done with one, and what it set aside."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pilothouse.interop.events.connections import ConnectionInfo
from pilothouse.interop.events.flows import flows
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.live import refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    ticked,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.events.connection_form import add_dialog, edit_dialog

TABLE, ASIDE = "event_connections", "events_set_aside"
COLUMNS = {
    "name": name_column("Connection", width=136),
    "state": status_column("State", width=84),
    "flow": text_column("Flow", width=112),
    "deployment": text_column("Deployment", width=90),
    "address": text_column("Where", width=200),
    "messages": number_column("Messages", 0, width=74),
    "taken": number_column("Used", 0, width=64, help="Labels, answers or events in the messages"),
    "set_aside": number_column("Set aside", 0, width=74),
    "lag": number_column("Waiting", 0, width=66),
    "last_at": when_column("Last message", width=112),
}
ASIDE_COLUMNS = {
    "place": name_column("Position", width=150),
    "status": status_column("State", width=92),
    "reason": text_column("Why", width=330),
    "payload": text_column("Message", width=300),
    "key": text_column("Key", width=100),
    "at": when_column("Set aside", width=110),
}
MOST = 100


def connections_view(connections: list[ConnectionInfo]) -> None:
    """Everything about the connections; the page is drawn again when one of them changes."""
    refresh_when_changed(_states, key="event_states")
    if not connections:
        empty(
            "No messages come or leave yet",
            "A connection takes labels or prediction requests from a topic of Kafka, or sends "
            "predictions and alerts to one.",
            icon=":material/sync_alt:",
            action=("Add a connection", add_dialog),
            key="no_connections",
        )
        return
    frame = pd.DataFrame([_row(connection) for connection in connections])
    table(frame, COLUMNS, key=TABLE, alt="Event connections", select="one")
    chosen = [item for item in connections if item.id in ticked(TABLE)]
    if not chosen:
        st.markdown(
            ":gray[Tick a connection to edit, pause or remove it, and to see its messages.]"
        )
        return
    _actions(chosen[0])
    if chosen[0].error:
        st.error(literal(chosen[0].error), icon=":material/cloud_off:")
    _aside(chosen[0])


def _states() -> object:
    return [
        (item.id, item.state, item.error, item.messages, item.set_aside, item.lag)
        for item in workspace().events.connections()
    ]


def _row(connection: ConnectionInfo) -> dict[str, object]:
    is_known = connection.flow in flows.names()
    of_any = is_known and flows.get(connection.flow).of_deployment == "any"
    return {
        "id": connection.id,
        "name": connection.name,
        "state": connection.state,
        "flow": flows.get(connection.flow).title if is_known else connection.flow,
        "deployment": connection.deployment or ("all" if of_any else ""),
        "address": connection.address,
        "messages": connection.messages,
        "taken": connection.taken,
        "set_aside": connection.set_aside,
        "lag": connection.lag,
        "last_at": pd.Timestamp(connection.last_at) if connection.last_at else pd.NaT,
    }


def _actions(connection: ConnectionInfo) -> None:
    events, name = workspace().events, literal(connection.name)
    enabled = connection.enabled
    with st.container(horizontal=True):
        if st.button("Edit", icon=":material/edit:", key="events_edit_open"):
            edit_dialog(connection)
        if st.button(
            "Pause" if enabled else "Resume",
            icon=":material/pause:" if enabled else ":material/play_arrow:",
            key="events_switch",
        ):
            confirm(
                "Pause this connection" if enabled else "Resume this connection",
                f"**{name}** stands still until it is resumed; then it goes on where it is now."
                if enabled
                else f"**{name}** goes on where it was paused.",
                verb="Pause" if enabled else "Resume",
                command=lambda reason: events.change(connection.id, reason, enabled=not enabled),
                done=f"The connection {name} is {'paused' if enabled else 'resumed'}",
            )
        if st.button("Remove", icon=":material/delete:", key="events_remove"):
            confirm(
                "Remove this connection",
                f"**{name}** moves nothing any more, and its position is given up. What it "
                "brought or sent stays.",
                verb="Remove",
                command=lambda reason: events.remove(connection.id, reason),
                done=f"The connection {name} is removed",
            )


def _aside(connection: ConnectionInfo) -> None:
    """The messages that were set aside, with the two ways to be rid of them."""
    messages = workspace().events.set_aside(connection.id, MOST)
    if not messages:
        st.markdown(":gray[No message is set aside.]")
        return
    note = f"the newest {MOST} of {count(connection.set_aside)}"
    section("Set aside", note if connection.set_aside > MOST else "")
    rows = [
        {
            "id": item.id,
            "place": f"{item.topic} {item.partition}:{item.position}" if item.topic else item.key,
            "status": item.status,
            "reason": item.reason,
            "payload": item.payload,
            "key": item.key,
            "at": pd.Timestamp(item.set_aside_at),
        }
        for item in messages
    ]
    ids = table(
        pd.DataFrame(rows), ASIDE_COLUMNS, key=ASIDE, alt="Messages set aside", select="many"
    )
    by_id = {item.id: item for item in messages}
    chosen = [by_id[item] for item in ids if item in by_id] or messages
    whole = [item.id for item in chosen if item.can_retry]
    _aside_actions(connection, whole, [item.id for item in chosen])


def _aside_actions(connection: ConnectionInfo, whole: list[str], chosen: list[str]) -> None:
    events = workspace().events
    with st.container(horizontal=True):
        if connection.direction == "in" and st.button(
            "Try again",
            icon=":material/refresh:",
            key="events_retry",
            disabled=not whole or not connection.enabled,
            help="Tick some, or all are tried again by the worker",
        ):
            confirm(
                "Try messages again",
                f"The worker judges {plural(len(whole), 'message')} of "
                f"**{literal(connection.name)}** as the connection and the model are now.",
                verb="Try again",
                command=lambda reason: events.retry(connection.id, whole, reason),
                done="The worker tries them again",
            )
        if st.button("Dismiss", icon=":material/close:", key="events_dismiss"):
            confirm(
                "Dismiss messages",
                f"{plural(len(chosen), 'message')} of **{literal(connection.name)}** will not "
                "be used, and what was kept of them is deleted.",
                verb="Dismiss",
                command=lambda reason: events.dismiss(connection.id, chosen, reason),
                done=f"{plural(len(chosen), 'message')} dismissed",
            )
