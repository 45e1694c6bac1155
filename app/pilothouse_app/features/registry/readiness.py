"""What is missing before a version from elsewhere can be launched, and the button for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.links import address, go, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.registry.code_review import review_code
from pilothouse_app.features.registry.describe import describe

if TYPE_CHECKING:
    from pilothouse.deployments.readiness import ReadinessStep
    from pilothouse.registry.info import VersionInfo

LOCKED = "What it needs, at its author's versions"
HOUSE = "Pilothouse's own environment, with other versions"
NEXT = " Next: evaluate it on a dataset, which its gates and its monitoring look at."


def readiness_steps(version: VersionInfo) -> tuple[ReadinessStep, ...]:
    """The steps before a version from elsewhere can be launched; none for one trained here."""
    if not version.import_source:
        return ()
    return workspace().deployments.readiness(version.model, version.version)


def readiness_line(
    version: VersionInfo, steps: Sequence[ReadinessStep], *, evaluated: bool
) -> None:
    """Draw the steps of a version from elsewhere, and the first one that is missing."""
    if not steps:
        return
    missing = next((step for step in steps if not step.done), None)
    if missing is not None and missing.name == "example":  # the first look at it tries it
        with st.spinner("A model process loads it and answers its example"):
            workspace().registry.assess(version.model, version.version, "production")
        steps = readiness_steps(version)
        missing = next((step for step in steps if not step.done), None)
    with st.container(border=True, key="version_readiness", gap="xsmall"):
        st.markdown(" &nbsp; ".join(map(_mark, steps)))
        if missing is None:
            st.markdown(f":gray[It can be launched.{'' if evaluated else NEXT}]")
            return
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.markdown(f"Missing before it can be launched: {literal(missing.message)}.")
            _way_on(version, missing)


def _mark(step: ReadinessStep) -> str:
    icon = ":green[:material/check_circle:]" if step.done else ":gray[:material/circle:]"
    return f"{icon} {literal(step.title)}"


def _way_on(version: VersionInfo, step: ReadinessStep) -> None:
    """The button of a step; files that no format loads, and a failed trial, have none."""
    if step.name == "code" and st.button(
        "Review code", type="primary", icon=":material/policy:", key="version_review"
    ):
        review_code(version.model, version.version)
    elif step.name == "description" and version.package is not None:
        if st.button("Describe", type="primary", icon=":material/edit_note:", key="describe_next"):
            describe(version.model, version.version)
    elif step.name == "environment":
        _environment(version)


def _environment(version: VersionInfo) -> None:
    use = workspace().environments.use(version.ref)
    if use is not None:
        link(address("environment", use.environment), "Environment", icon=":material/inventory_2:")
        return
    if st.button(
        "Build environment", type="primary", icon=":material/inventory_2:", key="version_env"
    ):
        _build_environment(version.model, version.version)


@st.dialog("Build environment", width="medium", icon=":material/inventory_2:", on_dismiss="rerun")
def _build_environment(model: str, version: int) -> None:
    """Choose between the author's versions and Pilothouse's own; the version is checked in it."""
    deployments = workspace().deployments
    unmet = deployments.unmet_requirements(model, version)
    lines = "\n".join(f"- `{line}`" for line in unmet)
    st.markdown(f"Pilothouse's own environment does not have what **{literal(model)} {version}** "
                f"needs:\n\n{lines}")  # fmt: skip
    kind = st.radio("Build", [LOCKED, HOUSE], key="version_env_kind")
    st.markdown(":gray[A job builds it. The version is ready when it has loaded there and "
                "answered its example.]")  # fmt: skip
    if dialog_buttons("Build", "version_env") and run_or_show_error(
        lambda: _request(model, version, str(kind))
    ):
        st.rerun()


def _request(model: str, version: int, kind: str) -> None:
    info = workspace().deployments.request_environment(
        model, version, "house" if kind == HOUSE else "locked"
    )
    toast_next(f"The environment of {model} {version} is being built")
    go(address("environment", info.id))
