"""Notifications on a page: channels with a test, silences, and the delivery log."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications.channels import (
    DEFAULT_REPEAT_HOURS,
    DEFAULT_SEVERITIES,
    ChannelInfo,
    ChannelSpec,
    require_apprise,
)
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import (
    dialog_buttons,
    run_from_callback,
    run_or_show_error,
)
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import title
from pilothouse_app.components.header import section
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.silences import silences_view

CHANNEL_COLUMNS = {
    "name": name_column("Channel", width=150),
    "state": status_column("State", width=92),
    "address": text_column("Address", help="Where its URL is stored; the URL itself is a secret"),
    "takes": text_column("Severities", width=170),
    "of": text_column("Deployments", width=150),
    "repeats": text_column("Repeats", width=120),
}
DELIVERY_COLUMNS = {
    "title": name_column("Notification", width=230),
    "channel": text_column("Channel", width=120),
    "status": status_column(width=92),
    "attempts": number_column("Attempts", 0, width=76),
    "error": text_column("Error", width=380),
    "created_at": when_column("Queued", width=110),
}
OF_ALERT_COLUMNS = {
    "channel": name_column("Channel", width=104),
    "status": status_column(width=84),
    "error": text_column("Error"),
    "created_at": when_column("Queued", width=100),
}
ADDRESS_HELP = (
    "`env:NAME`: an environment variable of the worker. `file:/path`: a file that only its owner "
    "can read. Or a URL of Apprise, such as `slack://…` or `json://host/path`, which is stored "
    "in a file that only you can read and is never shown again."
)


def add_channel_button() -> None:
    """The button that opens the form of a new channel."""
    if st.button("Add a channel", icon=":material/add:", key="channel_add"):
        add_channel()


def notifications_view(deployment: str) -> None:
    """Channels, silences and the delivery log, of all deployments; a form begins with one."""
    channels = workspace().notifications.channels()
    if not channels:
        empty(
            "Nobody is notified yet",
            "A channel sends alerts to people: by mail, to a chat, or to a webhook.",
            icon=":material/campaign:",
            action=("Add a channel", add_channel),
            key="no_channels",
        )
        silences_view(deployment)
        return

    section("Channels")
    ticked = table(
        _channel_frame(channels), CHANNEL_COLUMNS, key="channels", alt="Channels", select="one"
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = [channel for channel in channels if channel.id in ticked]
        if chosen:
            _actions(chosen[0])
        else:
            st.markdown(":gray[Tick a channel to test, edit or remove it.]")
        add_channel_button()
    silences_view(deployment)
    section("Delivery log", "newest first")
    _log(None)


def deliveries_of_alert(alert: str) -> None:
    """The notifications about an alert; nothing when there was none."""
    if len(workspace().notifications.deliveries(alert=alert, limit=1)):
        section("Notifications")
        _log(alert)


def _channel_frame(channels: list[ChannelInfo]) -> pd.DataFrame:
    rows = [
        {
            "id": channel.id,
            "name": channel.name,
            "state": "active" if channel.enabled else "paused",
            "address": channel.address,
            "takes": ", ".join(channel.severities),
            "of": ", ".join(channel.deployments),
            "repeats": f"every {channel.repeat_hours:g} h" if channel.repeat_hours else "never",
        }
        for channel in channels
    ]
    return pd.DataFrame(rows, columns=["id", *CHANNEL_COLUMNS])


def _actions(channel: ChannelInfo) -> None:
    notifications, name = workspace().notifications, literal(channel.name)
    st.button(
        "Send a test",
        type="primary",
        icon=":material/send:",
        key="channel_test",
        on_click=_send_test,
        args=(channel.id,),
        help="The worker tries it once; the delivery log has the result",
    )
    if st.button("Edit", icon=":material/edit:", key="channel_edit"):
        edit_channel(channel)
    enabled = channel.enabled
    if st.button("Pause" if enabled else "Resume", key="channel_switch"):
        confirm(
            "Pause this channel" if enabled else "Resume this channel",
            f"**{name}** sends nothing until it is resumed; what waits for it fails."
            if enabled
            else f"**{name}** sends alerts again, those that fire now at once.",
            verb="Pause" if enabled else "Resume",
            command=lambda reason: notifications.change_channel(
                channel.id, reason, enabled=not enabled
            ),
            done=f"The channel {name} is {'paused' if enabled else 'active again'}",
        )
    if st.button("Remove", icon=":material/delete:", key="channel_remove"):
        confirm(
            "Remove this channel",
            f"**{name}** sends nothing any more, and its stored URL is deleted. Its deliveries "
            "stay in the log.",
            verb="Remove",
            command=lambda reason: notifications.remove_channel(channel.id, reason),
            done=f"The channel {name} is removed",
        )


def _send_test(channel: str) -> None:
    if run_from_callback(lambda: workspace().notifications.test_channel(channel)):
        toast_next("The test is queued; the delivery log has its result")


@st.dialog("Add a channel", icon=":material/campaign:")
def add_channel() -> None:
    """The form of a new channel."""
    _form(None)


@st.dialog("Edit the channel", icon=":material/campaign:")
def edit_channel(channel: ChannelInfo) -> None:
    """The form of a channel that exists; an empty address stays as it is."""
    _form(channel)


def _form(channel: ChannelInfo | None) -> None:
    if channel is None and not run_or_show_error(require_apprise):
        return
    values = _fields(channel)
    missing = _missing(values, needs_address=channel is None)
    verb = "Add" if channel is None else "Save"
    if dialog_buttons(verb, "channel", missing=missing) and run_or_show_error(
        lambda: _save(channel, values)
    ):
        toast_next(f"The channel {literal(values['name'])} is saved; send a test to try it")
        st.rerun()


def _missing(values: dict[str, Any], *, needs_address: bool) -> str:
    """What the form still lacks."""
    if not values["name"]:
        return "Give a name first"
    if needs_address and not values["address"]:
        return "Give an address first"
    if not values["severities"]:
        return "Choose a severity first"
    return "" if values["deployments"] else "Name a deployment first; * is every one"


def _fields(channel: ChannelInfo | None) -> dict[str, Any]:
    name = st.text_input("Name", channel.name if channel else "", live=True, key="channel_name")
    address = st.text_input(
        "Address",
        placeholder=f"{channel.address} (unchanged)" if channel else "env:NAME, file:/path or URL",
        type="password",
        live=True,
        help=ADDRESS_HELP,
        key="channel_address",
    )
    severities = st.pills(
        "Severities",
        SEVERITIES,
        selection_mode="multi",
        default=channel.severities if channel else DEFAULT_SEVERITIES,
        format_func=title,
        key="channel_severities",
        help="Drift without a loss of performance is notified as info",
    )
    deployments = st.text_input(
        "Deployments",
        ", ".join(channel.deployments) if channel else "*",
        key="channel_deployments",
        help="Names separated by commas; `*` and `?` are allowed",
    )
    hours = st.number_input(
        "Repeat after (hours)",
        min_value=0.0,
        step=1.0,
        format="%g",
        value=channel.repeat_hours if channel else DEFAULT_REPEAT_HOURS,
        key="channel_hours",
        help="Until somebody acknowledges the alert; 0: never",
    )
    globs = [part.strip() for part in (deployments or "").split(",") if part.strip()]
    return {
        "name": (name or "").strip(),
        "address": (address or "").strip(),
        "severities": tuple(severities),
        "deployments": tuple(globs),
        "repeat_hours": float(hours),
    }


def _save(channel: ChannelInfo | None, values: dict[str, Any]) -> None:
    if channel is None:
        workspace().notifications.add_channel(ChannelSpec(**values))
        return
    changes = {
        name: value
        for name, value in values.items()
        if value != getattr(channel, name) and (name != "address" or value)
    }
    if changes:
        workspace().notifications.change_channel(channel.id, "edited on the screen", **changes)


def _log(alert: str | None) -> None:
    """The delivery log, drawn anew while something waits to be sent."""

    def draw() -> bool:
        frame = workspace().notifications.deliveries(alert=alert, limit=100)
        if frame.empty:
            st.markdown(":gray[Nothing has been sent.]")
            return False
        columns = DELIVERY_COLUMNS if alert is None else OF_ALERT_COLUMNS
        table(frame, columns, key="deliveries", alt="Deliveries, the newest first")
        return bool((frame["status"] == "queued").any())

    waiting = workspace().notifications.deliveries(alert=alert, limit=100)["status"] == "queued"
    live(draw, key="delivery_log", busy=bool(waiting.any()))
