"""Trying a deployment: a form from its signature, one real prediction, and how to do it by curl."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.kit.processes import find
from pilothouse_app.parts.changes import literal
from pilothouse_app.parts.empty import empty
from pilothouse_app.parts.errors import error_box
from pilothouse_app.parts.formats import duration, number, share
from pilothouse_app.parts.header import section
from pilothouse_app.parts.kpis import Kpi, kpi_row
from pilothouse_app.parts.signature import record_form
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.deployments.facts import DeploymentInfo

ANSWER = "try_it_answer"


def try_it(deployment: DeploymentInfo) -> None:
    """The form at the left, the newest answer at the right."""
    left, right = st.columns([56, 44], gap="medium")
    with left:
        section("Input", f"what version {deployment.number} takes; the example is filled in")
        with st.form("try_it", border=True):
            example = deployment.input_example[0] if deployment.input_example else {}
            record = record_form(deployment.signature, example, key=f"try_{deployment.name}")
            pressed = st.form_submit_button(
                "Predict", type="primary", icon=":material/bolt:", key="try_predict"
            )
        if pressed:
            _ask(deployment.name, record)
    with right:
        section("Answer", "over HTTP, logged like any other")
        kept = st.session_state.get(ANSWER)
        if kept and kept["deployment"] == deployment.name:
            _answer(kept, deployment)
        else:
            empty("No prediction yet", "Press Predict to send this record.", key="try_none")


def _ask(deployment: str, record: dict[str, Any]) -> None:
    began = time.perf_counter()
    try:
        answer = workspace().deployments.predict(deployment, [record])[0]
    except PilothouseError as refusal:
        st.session_state.pop(ANSWER, None)
        error_box(refusal)
        return
    seconds = time.perf_counter() - began
    st.session_state[ANSWER] = {
        "deployment": deployment,
        "record": record,
        "answer": answer,
        "seconds": seconds,
    }


def _answer(kept: dict[str, Any], deployment: DeploymentInfo) -> None:
    answer, signature = kept["answer"], deployment.signature
    kpi_row(
        [
            Kpi("Class", str(answer["label"]), literal(signature.target)),
            Kpi(
                "Score",
                share(answer["score"]),
                f"threshold {number(signature.threshold)}",
                help=f"Probability of {signature.positive}",
            ),
            Kpi("Version", str(answer["version"]), deployment.model),
            Kpi("Round trip", duration(kept["seconds"]), "with HTTP"),
        ],
        columns=2,
    )
    st.markdown(f":gray[Prediction] `{answer['prediction_id']}`")
    st.markdown(":gray[The same from a terminal]")
    st.code(curl(deployment.name, kept["record"]), language=None, wrap_lines=True)


def curl(deployment: str, record: dict[str, Any]) -> str:
    """The command that sends a record to this workspace's server."""
    server = find(workspace().folder / "run", "server")
    body = json.dumps({"dataframe_records": [record]}, ensure_ascii=False, default=str)
    quoted = body.replace("'", "'\\''")
    return (
        f"curl -s http://127.0.0.1:{server.port if server else 5050}"
        f"/deployments/{deployment}/invocations \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
    )
