"""Launching a version or swapping to it, with a preview of what will happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.names import DEPLOYMENT
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.name_input import name_input
from pilothouse_app.components.query_cache import cached
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.stage import can_serve, choose_stage

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.registry.info import VersionInfo

NEW = "A new deployment"
MAX_PROCESSES = 8


def launch_button(model: str = "", version: int = 0, *, primary: bool = False) -> None:
    """The button that opens the launch of a version, or of any."""
    obstacle = workspace().deployments.not_servable(model, version) if model and version else ""
    if st.button(
        "Launch",
        type="primary" if primary else "secondary",
        icon=":material/rocket_launch:",
        key="launch",
        disabled=bool(obstacle),
        help=literal(obstacle) if obstacle else None,
    ):
        launch(model, version)


@st.dialog("Launch", width="medium", icon=":material/rocket_launch:")
def launch(model: str, version: int) -> None:
    """The wizard: version, place, name, processes, reason, and what will happen."""
    model_version = _version(model, version)
    if model_version is None:
        return
    ws = workspace()
    if obstacle := ws.deployments.not_servable(model_version.model, model_version.version):
        st.info(literal(obstacle), title="It cannot be served", icon=":material/info:")
        return
    serving = ws.deployments.serving(model_version.model)
    existing = [name for name in serving if can_serve(name, model_version)]
    target = st.selectbox("Where", [NEW, *existing], key="launch_place") if existing else NEW
    if target == NEW:
        name, missing = _name(model_version.model)
        with st.container(horizontal=True):
            processes = int(
                st.number_input("Processes", 1, MAX_PROCESSES, 1, key="launch_processes", width=130)
            )
            stage = choose_stage(model_version)
        steps = _launch_steps(model_version, name, processes, stage)
    else:
        name, processes, missing, stage = target, 0, "", ""
        steps = swap_steps(ws.deployments.deployment(target), model_version.version)
    with st.container(border=True, key="launch_preview"):
        st.markdown("**What will happen**\n\n" + "\n".join(f"1. {line}" for line in steps))
    reason = reason_input("launch_reason")
    missing = missing or ("" if reason else "Give a reason first")
    if not dialog_buttons("Launch" if target == NEW else "Swap", "launch", missing=missing):
        return

    def act() -> object:
        if target == NEW:
            return ws.deployments.launch(
                name,
                model_version.model,
                model_version.version,
                reason,
                replicas=processes,
                stage=stage,
            )
        return ws.deployments.switch_version(target, model_version.version, reason)

    if run_or_show_error(act):
        toast_next(f"{name}: {model_version.model} {model_version.version} is being started")
        go(address("deployment", name))


@st.dialog("Swap version", icon=":material/swap_horiz:")
def swap(name: str) -> None:
    """Another version under the same name, without a failed request."""
    ws = workspace()
    deployment = ws.deployments.deployment(name)
    versions = [
        version
        for version in servable_versions(deployment.model)
        if version != deployment.version
        and can_serve(name, ws.registry.version(deployment.model, version))
    ]
    if not versions:
        st.markdown(f"{no_other_version(deployment)}.")
        return

    def preview(chosen: int) -> None:
        lines = "\n".join(f"1. {line}" for line in swap_steps(deployment, chosen))
        with st.container(border=True, key="swap_preview"):
            st.markdown(f"**What will happen**\n\n{lines}")

    switch_form(name, versions, preview, verb="Swap", key="swap", done="is being swapped to")


def switch_form(
    name: str,
    versions: list[int],
    preview: Callable[[int], None],
    *,
    verb: str,
    key: str,
    done: str,
) -> None:
    """Choose another version of a deployment below its `preview`, and switch to it for a reason."""
    chosen = st.selectbox(
        "Version",
        versions,
        format_func=lambda version: f"Version {version}",
        key=f"{key}_number",
    )
    preview(chosen)
    reason = reason_input(f"{key}_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons(verb, key, missing=missing) and run_or_show_error(
        lambda: workspace().deployments.switch_version(name, chosen, reason)
    ):
        toast_next(f"{name} {done} version {chosen}")
        st.rerun()


def swap_steps(deployment: DeploymentInfo, version: int) -> list[str]:
    """What a swap does, in order."""
    return [
        f"A process loads version {version}; version {deployment.version} serves meanwhile.",
        f"Once it is ready, new requests to **{literal(deployment.name)}** go to version "
        f"{version}.",
        f"Version {deployment.version} stays warm for ten minutes, for a rollback within a second.",
    ]


def _launch_steps(version: VersionInfo, name: str, processes: int, stage: str) -> list[str]:
    url_name = name or "the name"
    in_stage = f", and at `/stages/{stage}/v2/models/{version.model}/infer`" if stage else ""
    return [
        f"{plural(processes, 'process', 'processes')} of its own "
        f"{'starts' if processes == 1 else 'start'} and loads {version.model} {version.version}; "
        "its digest is checked first.",
        f"Once ready, it serves requests at `/v2/models/{url_name}/infer`{in_stage}.",
        "Every prediction is logged, and its windows are monitored for drift.",
    ]


def _version(model: str, version: int) -> VersionInfo | None:
    registry = workspace().registry
    if model and version:
        st.markdown(f"**{literal(model)} {version}**")
        return registry.version(model, version)

    models = list(registry.models()["name"])
    if not models:
        st.markdown("There is no model version yet: register a finished run first.")
        return None

    chosen = st.selectbox("Model", models, key="launch_model")
    versions = servable_versions(chosen)
    if not versions:
        st.markdown(
            "None of its versions can be served: each is archived or was made by another program."
        )
        return None

    champion = registry.champion(chosen)
    first = versions.index(champion.version) if champion and champion.version in versions else 0
    chosen_version = st.selectbox(
        "Version",
        versions,
        index=first,
        format_func=lambda version: _version_title(version, champion),
        key=f"launch_number_{chosen}",
    )

    return registry.version(chosen, chosen_version)


def current_versions(model: str) -> list[int]:
    """The versions of a model that are not archived."""
    versions = workspace().registry.versions(model)
    return [int(number) for number in versions[versions["stage"] != "archived"]["version"]]


def servable_versions(model: str) -> list[int]:
    """The versions of a model that can be served; read again only after a write."""
    numbers = current_versions(model)
    return cached(f"servable versions of {model}", lambda: _only_servable(model, numbers))


def no_other_version(deployment: DeploymentInfo, *, answering: bool = True) -> str:
    """Why no other version can take over; empty when one can. Read again only after a write.

    One that would get copies of requests only, without `answering`, need not be in its stage.
    """
    ws = workspace()
    stage = ws.deployments.stage(deployment.name) if answering else ""

    def some() -> bool:
        others = (v for v in current_versions(deployment.model) if v != deployment.version)
        return any(
            not ws.deployments.not_servable(deployment.model, version)
            and (not stage or ws.registry.version(deployment.model, version).stage == stage)
            for version in others
        )

    has_other = cached(f"another version than {deployment.version_ref} {stage}", some)
    if has_other:
        return ""
    inside = f" in {stage}" if stage else ""
    return f"The model has no other version{inside} that can be served"


def _only_servable(model: str, numbers: list[int]) -> list[int]:
    deployments = workspace().deployments
    return [number for number in numbers if not deployments.not_servable(model, number)]


def _version_title(version: int, champion: VersionInfo | None) -> str:
    is_champion = champion is not None and champion.version == version
    return f"Version {version}, the champion" if is_champion else f"Version {version}"


def _name(model: str) -> tuple[str, str]:
    """The name, and what is missing for it to be used."""
    taken = set(workspace().deployments.deployments()["name"])
    return name_input(
        DEPLOYMENT,
        DEPLOYMENT.suggest(model, taken),
        key=f"launch_name_{model}",
        taken=taken,
        taken_message="is that of another deployment",
    )
