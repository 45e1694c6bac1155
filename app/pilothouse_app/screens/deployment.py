"""One deployment: status, traffic, processes and history; swap, roll back (rollback), try it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.models.tasks import task_of
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import filter_bar, switch
from pilothouse_app.components.formats import ago, title
from pilothouse_app.components.header import facts, header
from pilothouse_app.components.links import address, link, query_param, screen
from pilothouse_app.components.live import live, refresh_when_changed
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.comments.thread import comment_thread
from pilothouse_app.features.deployments.access import access_view
from pilothouse_app.features.deployments.clients import clients_view
from pilothouse_app.features.deployments.details import (
    CHANGING,
    last_failure,
    log_tail,
    processes,
    revisions,
)
from pilothouse_app.features.deployments.external import (
    follow_button,
    send_view,
    upload_button,
    upload_report,
)
from pilothouse_app.features.deployments.labels import labels_view
from pilothouse_app.features.deployments.launch import no_other_version, swap
from pilothouse_app.features.deployments.looked_up import store_failure
from pilothouse_app.features.deployments.request_log import request_log
from pilothouse_app.features.deployments.rollout_view import roll_out_button, rollouts_view
from pilothouse_app.features.deployments.stage import stage_text
from pilothouse_app.features.deployments.traffic import (
    SPANS,
    deployment_traffic,
    traffic_charts,
    traffic_tiles,
)
from pilothouse_app.features.deployments.try_it import try_it
from pilothouse_app.features.exports.version_export import export_button
from pilothouse_app.features.pipelines.retraining import retraining_view
from pilothouse_app.features.pipelines.start import retrain_button
from pilothouse_app.features.registry.affected import roll_back_text

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo

SCREEN = Screen(
    title="Deployment",
    path="deployment",
    icon=":material/rocket_launch:",
    summary="One deployment with its traffic",
    parent="deployments",
)
EXTERNAL_VIEWS = ("predictions", "labels", "send", "access", "retraining", "revisions")
VIEWS = (
    "traffic",
    "rollouts",
    "try_it",
    "clients",
    "predictions",
    "labels",
    "access",
    "retraining",
    "revisions",
    "log",
)


def render() -> None:
    """The deployment the address names."""
    name = query_param("name")
    back = ("Deployments", screen("deployments"))
    if not name:
        with header("Deployment", back=back):
            pass
        empty("Which deployment?", "The address names none.", to=("Open deployments", back[1]))
        return

    deployment = workspace().deployments.deployment(name)
    with header(name, status=deployment.status, note=deployment.message, back=back):
        _commands(deployment)
    _facts(deployment)
    last_failure(name)
    store_failure(name)
    view, span = _bar(deployment)
    if view in ("traffic", "log"):
        changing = deployment.status in CHANGING
        idle = 5.0 if deployment.desired_state == "running" else None
        live(
            lambda: _live_body(name, view, span),
            key="deployment_live",
            busy=changing,
            state=_state(deployment),
            idle_seconds=idle,
        )
        comment_thread("deployment", name)
        return

    refresh_when_changed(
        lambda: _state(workspace().deployments.deployment(name)), key="deployment_changes"
    )

    if deployment.external:
        upload_report(name)
    if view == "send":
        send_view(deployment)
    elif view == "rollouts":
        rollouts_view(deployment)
    elif view == "try_it":
        try_it(deployment)
    elif view == "clients":
        clients_view(deployment)
    elif view == "predictions":
        request_log(deployment)
    elif view == "labels":
        labels_view(deployment)
    elif view == "access":
        access_view(deployment)
    elif view == "retraining":
        retraining_view(name)
    else:
        revisions(deployment)
    comment_thread("deployment", name)


def _bar(deployment: DeploymentInfo) -> tuple[str, str]:
    with filter_bar():
        views = list(EXTERNAL_VIEWS if deployment.external else VIEWS)
        if not deployment.model:
            views.remove("retraining")  # no version is registered: there is nothing to retrain
        view = switch("deployment_view", views, "Show", format_func=title)
        span = "1 h"
        if view == "traffic":
            span = switch("deployment_span", tuple(SPANS), "Span", default="1 h")
    return view, span


def _facts(deployment: DeploymentInfo) -> None:
    path = f"/v2/models/{deployment.name}/infer"
    if deployment.external:
        path = f"/deployments/{deployment.name}/predictions"
    since = f"{ago(deployment.created_at)} by {literal(deployment.created_by)}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if ref := deployment.version_ref:
            link(address("version", ref), ref, icon=":material/deployed_code:")
        facts(
            {
                "Model": "" if ref else "not registered",
                "Predicts": "" if ref else task_of(deployment.signature).title,
                "Address": f"`{path}`",
                "Stage": stage_text(deployment),
                "Added" if deployment.external else "Launched": since,
                "Previous version": str(deployment.previous_version or ""),
            }
        )
        _links(deployment.name)
        if deployment.model and not deployment.external:
            export_button(deployment.model, deployment.version, deployment.name)


def _links(name: str) -> None:
    """What other pages say of it."""
    link(
        screen("monitoring", monitoring_deployment=name),
        "Monitoring",
        icon=":material/monitoring:",
    )
    link(screen("lineage", kind="deployment", ref=name), "Lineage", icon=":material/account_tree:")
    link(screen("activity", activity_q=name), "Activity", icon=":material/history:")


def _commands(deployment: DeploymentInfo) -> None:
    name, deployments = deployment.name, workspace().deployments
    if deployment.external:
        if deployment.model:
            retrain_button(name)
        follow_button(deployment)
        upload_button(deployment)
        return
    retrain_button(name)
    if deployment.desired_state == "stopped":
        if st.button("Resume", type="primary", icon=":material/play_arrow:", key="resume"):
            confirm(
                "Resume this deployment",
                f"**{name}** serves version {deployment.version} again.",
                verb="Resume",
                command=lambda reason: deployments.resume(name, reason),
                done=f"{name} is being started",
            )
        return

    if st.button("Stop", icon=":material/stop_circle:", key="stop"):
        confirm(
            "Stop this deployment",
            f"Requests to **{name}** fail until it is resumed. "
            "Its log and predictions are kept, and labels are still accepted.",
            verb="Stop",
            command=lambda reason: deployments.stop(name, reason),
            done=f"{name} is being stopped",
            type_to_confirm=name,
        )

    if st.button(
        "Roll back",
        icon=":material/undo:",
        disabled=deployment.previous_version is None,
        help="It has served no other version" if deployment.previous_version is None else None,
        key="roll_back",
    ):
        confirm(
            f"Roll back to version {deployment.previous_version}",
            f"New requests to **{name}** go to version {deployment.previous_version} again "
            f"instead of version {deployment.version}. The rollback is immediate when its "
            "process is still warm, and no request fails." + roll_back_text(name),
            verb="Roll back",
            command=lambda reason: deployments.roll_back(name, reason),
            done=f"{name} is rolled back to version {deployment.previous_version}",
        )

    obstacle = no_other_version(deployment)
    if deployments.active_rollout(name) is not None:
        obstacle = "A rollout is under way"
    if st.button(
        "Swap version",
        icon=":material/swap_horiz:",
        key="swap",
        disabled=bool(obstacle),
        help=obstacle or None,
    ):
        swap(name)
    roll_out_button(deployment)


def _state(deployment: DeploymentInfo) -> object:
    """What the head of the page and its buttons are drawn for."""
    restarts = sum(replica.restarts for replica in deployment.replicas)
    return deployment.status, deployment.message, deployment.generation, restarts


def _live_body(name: str, view: str, span: str) -> object:
    """What changes by itself; the state that the rest of the page must follow."""
    deployment = workspace().deployments.deployment(name)
    if view == "log":
        log_tail(name)
    else:
        _traffic(deployment, span)
    return _state(deployment)


def _traffic(deployment: DeploymentInfo, span: str) -> None:
    frame: pd.DataFrame = deployment_traffic(deployment.name, SPANS[span])
    if frame.empty:
        empty(
            f"No traffic in {span}",
            f"Send requests to /v2/models/{deployment.name}/infer, or use Try it.",
            icon=":material/swap_vert:",
            key="no_traffic",
        )
    else:
        traffic_tiles(frame, span)
        traffic_charts(frame, SPANS[span], key="deployment")
    processes(deployment)
