"""The form of a connection: flow, deployment, where the messages are, and a look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pilothouse.interop.events.connections import ConnectionInfo, ConnectionSpec
from pilothouse.interop.events.flows import flows
from pilothouse.interop.events.messages import PreviewedMessage
from pilothouse.interop.events.systems import systems
from pilothouse.kit.optional_packages import how_to_install, is_installed
from pilothouse.kit.parameters import Parameter
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_field
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

TRIED = "_events_tried"
ALL = "All deployments"
MAX_HEIGHT = 245
FIRST_FLOW, FIRST_SYSTEM = "labels", "kafka"


@st.dialog("Add an event connection", width="large", icon=":material/sync_alt:")
def add_dialog() -> None:
    """The form of a new connection."""
    flow = st.segmented_control(
        "Flow", sorted(flows.names(), key=_flow_order), default=FIRST_FLOW, required=True,
        format_func=lambda name: flows.get(name).title, key="events_flow",
        label_visibility="collapsed",
    )  # fmt: skip
    flow = str(flow or FIRST_FLOW)
    st.markdown(f":gray[{literal(flows.get(flow).description)}]")
    system = _system(flow)
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", live=True, key="events_name", placeholder="late-labels")
    with right:
        deployment = _deployment(flow)
    settings = _settings(system, {}, f"events_{system}")
    section("Messages")
    options = _fields(flows.get(flow).parameters, {}, f"events_{flow}")
    spec = ConnectionSpec((name or "").strip(), flow, system, deployment, settings, options)
    missing = _missing(spec)
    _try(spec, missing)
    if dialog_buttons(
        "Add", "events_add", missing=missing or ("" if spec.name else "Give a name first")
    ) and run_or_show_error(lambda: workspace().events.add(spec)):
        toast_next(f"The connection {literal(spec.name)} is added; the worker opens it")
        st.rerun()


@st.dialog("Edit the connection", width="large", icon=":material/sync_alt:")
def edit_dialog(connection: ConnectionInfo) -> None:
    """The form of a connection that exists; what it reads or sends stays."""
    of_deployment = f" of {literal(connection.deployment)}" if connection.deployment else ""
    st.markdown(f":gray[{literal(flows.get(connection.flow).title)}{of_deployment}]")
    name = st.text_input("Name", connection.name, live=True, key="events_edit_name")
    settings = _settings(connection.system, connection.settings, f"events_edit_{connection.id}")
    section("Messages")
    parameters = tuple(p for p in flows.get(connection.flow).parameters if p.name != "start")
    options = _fields(parameters, connection.options, f"events_edit_flow_{connection.id}")
    options = {**connection.options, **options}
    spec = ConnectionSpec(
        (name or "").strip(),
        connection.flow,
        connection.system,
        connection.deployment,
        settings,
        options,
    )
    _try(spec, _missing(spec))
    reason = reason_input("events_edit_reason")
    missing = _missing(spec) or ("" if reason else "Give a reason first")
    changes = {"name": spec.name, "settings": settings, "options": options}
    if dialog_buttons("Save", "events_edit", missing=missing) and run_or_show_error(
        lambda: workspace().events.change(connection.id, reason, **changes)
    ):
        toast_next(f"The connection {literal(spec.name)} is changed and opened anew")
        st.rerun()


def _system(flow: str) -> str:
    """The systems that can hold such messages; nothing to choose where there is one."""
    direction = flows.get(flow).direction
    names = [name for name, kind in systems.items() if direction == "out" or kind.reads]
    chosen = FIRST_SYSTEM if FIRST_SYSTEM in names else names[0]
    if len(names) > 1:
        picked = st.segmented_control(
            "System", sorted(names, key=lambda name: name != FIRST_SYSTEM), default=chosen,
            required=True, format_func=lambda name: systems.get(name).title,
            key=f"events_system_{direction}",
        )  # fmt: skip
        chosen = str(picked or chosen)
    kind = systems.get(chosen)
    if not is_installed(kind):
        st.warning(
            f"It needs the package `{kind.needs}`, which is not installed here. Install it with "
            f"`{how_to_install(kind)}`, for the worker too, and start Pilothouse again.",
            icon=":material/extension:",
        )
    return chosen


def _deployment(flow: str) -> str:
    need = flows.get(flow).of_deployment
    if need == "none":
        return ""
    frame = workspace().deployments.deployments()
    if flow == "requests":
        frame = frame[~frame["external"].astype(bool)]
    names = [ALL, *frame["name"]] if need == "any" else list(frame["name"])
    if not names:
        st.selectbox("Deployment", ["none yet"], disabled=True, key=f"events_no_deployment_{flow}")
        return ""
    chosen = st.selectbox("Deployment", names, key=f"events_deployment_{need}_{flow}")
    return "" if chosen == ALL else str(chosen)


def _settings(system: str, values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The fields of a system: what it needs, and the others where they do not stand in the way."""
    parameters = systems.get(system).parameters
    chosen = _fields([item for item in parameters if item.required], values, key)
    others = [item for item in parameters if not item.required]
    if others:
        with st.expander("More settings"):
            chosen |= _fields(others, values, key)
    return chosen


def _fields(parameters: Sequence[Parameter], values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A field a parameter, two side by side."""
    chosen: dict[str, Any] = {}
    for start in range(0, len(parameters), 2):
        for column, item in zip(st.columns(2), parameters[start : start + 2], strict=False):
            with column:
                value = values.get(item.name, item.default)
                field = parameter_field(item, value, key=f"{key}_{item.name}")
                chosen[item.name] = field.strip() if isinstance(field, str) else field
    return chosen


def _missing(spec: ConnectionSpec) -> str:
    """What the form still lacks before anything can be tried."""
    flow, system = flows.get(spec.flow), systems.get(spec.system)
    if not is_installed(system):
        return f"{system.title} needs a package that is not installed"
    if flow.of_deployment == "one" and not spec.deployment:
        return "There is no deployment for it yet"
    for parameters, values in (
        (system.parameters, spec.settings),
        (flow.parameters, spec.options),
    ):
        for item in parameters:
            if item.required and not values.get(item.name):
                return f"Fill in {item.label} first"
    return ""


def _try(spec: ConnectionSpec, missing: str) -> None:
    """*Try*: connect, and show the newest messages with what would become of them."""
    tried = ConnectionSpec("", spec.flow, spec.system, spec.deployment, spec.settings, spec.options)
    if st.button(
        "Try", icon=":material/visibility:", disabled=bool(missing), key="events_try",
        help=missing or "Connects and shows the newest messages; nothing is written",
    ):  # fmt: skip
        st.session_state[TRIED] = None

        def read() -> None:
            st.session_state[TRIED] = (tried, workspace().events.preview(tried))

        with st.spinner("It is connected"):
            run_or_show_error(read)
    before, messages = st.session_state.get(TRIED) or (None, [])
    if before == tried:
        _messages(messages)


def _messages(messages: list[PreviewedMessage]) -> None:
    if not messages:
        st.success("The connection works. There is no message yet.", icon=":material/check:")
        return
    good = sum(message.is_good for message in messages)
    section("Newest messages", f"{plural(len(messages), 'message')}, {good} of them good")
    rows = [
        {
            "Key": message.key,
            "Message": message.payload,
            "Result": message.result if message.is_good else f"set aside: {message.result}",
        }
        for message in messages
    ]
    st.dataframe(
        pd.DataFrame(rows),
        height=min(MAX_HEIGHT, 30 * len(rows) + 38),
        row_height=30,
        hide_index=True,
        alt="The newest messages",
        column_config={
            "Key": st.column_config.TextColumn(width=110),
            "Message": st.column_config.TextColumn(width=330),
        },
    )


def _flow_order(name: str) -> tuple[bool, bool, str]:
    """Flows in come first, and of them the labels."""
    return flows.get(name).direction == "out", name != FIRST_FLOW, name
