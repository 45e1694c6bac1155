"""Deployments: the served versions with their traffic, and launching another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header, section
from pilothouse_app.components.links import address, link, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.records import records
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import badge
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.details import CHANGING
from pilothouse_app.features.deployments.external import external_button
from pilothouse_app.features.deployments.launch import launch_button
from pilothouse_app.features.deployments.traffic import (
    SPANS,
    deployment_traffic,
    traffic_charts,
    traffic_tiles,
)

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Deployments",
    path="deployments",
    icon=":material/rocket_launch:",
    summary="Deployed versions and their traffic",
    section="Operate",
    order=10,
)
MAX_CARDS = 4
COLUMNS = {
    "name": name_column("Deployment", width=170),
    "status": status_column(width=88),
    "version": text_column("Version", width=130),
    "stage": text_column("Stage", width=90),
    "ready": number_column("Ready", 0, width=58, help="Processes that are ready"),
    "replicas": number_column("Desired", 0, width=66, help="Processes that should run"),
    "restarts": number_column("Restarts", 0, width=70),
    "memory_mb": number_column("Memory (MB)", 0, width=92),
    "updated_at": when_column("Changed", width=104),
    "message": text_column("Message"),
}


def render() -> None:
    """The table, and the traffic of each deployment under it."""
    deployments = workspace().deployments.deployments()
    with header("Deployments", note=plural(len(deployments), "deployment")):
        if not deployments.empty:
            span = switch("deployments_span", tuple(SPANS), "Span", default="1 h")
            external_button()
            launch_button(primary=True)
    if deployments.empty:
        _empty()
        return
    changing = bool(deployments["status"].isin(CHANGING).any())
    live(lambda: _body(span), key="deployments_live", busy=changing, idle_seconds=5)


def _empty() -> None:
    models = workspace().registry.models()
    if models.empty:
        empty(
            "Nothing is deployed",
            "A deployment serves a model version, and no model is registered yet.",
            to=("Open the registry", screen("registry")),
        )
        with st.container(horizontal=True, horizontal_alignment="center"):
            external_button()
        return

    empty(
        "Nothing is deployed",
        "Launch a version: it gets its own process and an HTTP endpoint.",
        key="no_deployments",
    )

    with st.container(horizontal=True, horizontal_alignment="center"):
        external_button()
        launch_button(primary=True)


def _body(span: str) -> bool:
    """Everything that moves; whether a deployment is changing."""
    deployments = workspace().deployments.deployments()
    rows = deployments.assign(version=_versions(deployments))
    columns = dict(COLUMNS)
    if not deployments["stage"].any():
        del columns["stage"]
    with table_height("deployments", len(deployments), reserve=30) as height:
        table(
            rows, columns, key="deployments", alt="Deployments", ids="name",
            opens=("deployment", "name"), height=height,
        )  # fmt: skip
    served_here = deployments[~deployments["external"].astype(bool)]
    for row in records(served_here)[:MAX_CARDS]:
        _card(row, span)
    return bool(deployments["status"].isin(CHANGING).any())


def _versions(deployments: pd.DataFrame) -> list[str]:
    return [
        f"{model} {number}" if model else "Not registered"
        for model, number in zip(deployments["model"], deployments["version"], strict=True)
    ]


def _card(row: dict[str, Any], span: str) -> None:
    name = str(row["name"])
    frame = deployment_traffic(name, SPANS[span])
    with st.container(border=True, key=f"traffic_{name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            link(address("deployment", name), name, icon=":material/rocket_launch:")
            badge(str(row["status"]))
        if frame.empty:
            section("No traffic", f"in the last {span}")
        else:
            traffic_tiles(frame, span)
            traffic_charts(frame, SPANS[span], key=f"traffic_{name}")
