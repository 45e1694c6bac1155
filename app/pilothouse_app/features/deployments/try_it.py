"""Trying a deployment: a form from its signature, one real prediction, and how to do it by curl."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from pilothouse.deployments.client_examples import curl_command
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import duration, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.layout import sticky
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import server_url, workspace
from pilothouse_app.features.deployments.prediction import (
    prediction_details,
    prediction_tiles,
)
from pilothouse_app.features.deployments.record_form import (
    record_form,
    record_of,
    reset_record,
    value_warnings,
)
from pilothouse_app.features.deployments.record_source import fill_in

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo

ANSWER = "try_it_answer"
MAX_WARNINGS = 5
LONG_COMMAND, CODE_HEIGHT = 900, 240  # characters, pixels: the answer above stays in sight


def try_it(deployment: DeploymentInfo) -> None:
    """The inputs at the left; the command and the latest response stay in sight at the right."""
    _part(deployment)


@st.fragment
def _part(deployment: DeploymentInfo) -> None:
    """Drawn alone: what is typed must not draw the whole page anew."""
    signature, key = deployment.signature, f"try_{deployment.name}_{deployment.version}"
    example = deployment.input_example[0] if deployment.input_example else {}
    record = record_of(signature, example, key=key)
    left, right = st.columns([62, 38], gap="medium")
    with left:
        section("Input", f"inputs of version {deployment.version}, filled with the example")
        record_form(signature, record, key=key)

    with right, sticky("try_answer"):
        section("Answer", "over HTTP, logged like any other")
        with st.container(horizontal=True):
            pressed = st.button(
                "Predict", type="primary", icon=":material/bolt:", key="try_predict"
            )
            st.button(
                "Reset to example",
                key="try_reset",
                type="tertiary",
                on_click=reset_record,
                args=(signature,),
                kwargs={"key": key},
            )
        fill_in(deployment, record, key=key)
        event_time = _event_time(key)
        _warn(value_warnings(signature, record))
        if pressed:
            _predict(deployment.name, dict(record), event_time)
        response = st.session_state.get(ANSWER)
        if response and response["deployment"] == deployment.name:
            if response["record"] != record:
                st.markdown(":small[:gray[For the values before your last change.]]")
            _answer(response, deployment)
        elif not pressed:
            empty("No prediction yet", "Press Predict to send this record.", key="try_none")


def _warn(notes: dict[str, str]) -> None:
    """Warn about unusual values, on whichever page of inputs they are."""
    if not notes:
        return
    lines = [f"{literal(name)}: {text}" for name, text in notes.items()]
    more = len(lines) - MAX_WARNINGS
    rest = [f"and {more} more"] if more > 0 else []
    st.warning(
        "  \n".join([*lines[:MAX_WARNINGS], *rest]),
        title=f"{plural(len(lines), 'value')} to check",
        icon=":material/warning:",
    )


def _event_time(key: str) -> datetime | None:
    """When the event happened, if it is not now: it decides the window that the row falls into."""
    at = st.datetime_input(
        "Event time (UTC)",
        None,
        key=f"{key}_event_time",
        help="When the predicted event happened. Monitoring counts the prediction in the window of "
        "this time. Empty: now.",
    )
    return None if at is None else at.replace(tzinfo=UTC)


def _predict(deployment: str, record: dict[str, Any], event_time: datetime | None) -> None:
    began = time.perf_counter()
    try:
        answer = workspace().deployments.predict(deployment, [record], event_time=event_time)[0]
    except PilothouseError as refusal:
        st.session_state.pop(ANSWER, None)
        error_box(refusal)
        return

    seconds = time.perf_counter() - began
    st.session_state[ANSWER] = {
        "deployment": deployment,
        "record": record,
        "event_time": event_time,
        "answer": answer,
        "seconds": seconds,
    }


def _answer(response: dict[str, Any], deployment: DeploymentInfo) -> None:
    answer, signature = response["answer"], deployment.serving_signature
    kpi_row(
        [
            *prediction_tiles(answer, signature),
            Kpi("Version", str(answer["version"]), deployment.model),
            Kpi("Round trip", duration(response["seconds"]), "including HTTP"),
        ],
        columns=2,
    )
    prediction_details(answer, signature)

    st.markdown(f":gray[Prediction] `{answer['prediction_id']}`")
    st.markdown(":gray[The same request with curl]")
    command = curl(deployment.name, response["record"], response["event_time"])
    height: Literal["content"] | int = "content" if len(command) < LONG_COMMAND else CODE_HEIGHT
    st.code(command, language=None, wrap_lines=True, height=height)


def curl(deployment: str, record: dict[str, Any], event_time: datetime | None = None) -> str:
    """The command that sends a record to this workspace's server."""
    request: dict[str, Any] = {"dataframe_records": [record]}
    if event_time is not None:
        request["params"] = {"event_time": to_ms(event_time)}
    return curl_command(f"{server_url()}/deployments/{deployment}/invocations", request)
