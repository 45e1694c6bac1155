"""The stage whose address a deployment answers: chosen at the launch, changed on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.dialogs import save_change
from pilothouse_app.components.formats import title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.registry.info import VersionInfo

NO_STAGE = ""


def stage_text(deployment: DeploymentInfo) -> str:
    """The stage of a deployment, and what no longer holds of it; empty without one."""
    ws = workspace()
    stage = ws.deployments.stage(deployment.name)
    if not stage:
        return ""
    standing = ws.registry.version(deployment.model, deployment.version).stage
    if standing != stage:
        now = {"archived": "archived", "none": "in no stage"}.get(standing, f"in {standing}")
        return f"{title(stage)}, but version {deployment.version} is {now}"
    return title(stage)


def choose_stage(version: VersionInfo) -> str:
    """The stage of a new deployment; not asked where the version can have none."""
    options = _stages_for(version)
    if options == [NO_STAGE]:
        return NO_STAGE
    return _select(options, NO_STAGE, key=f"launch_stage_{version.ref}")


@st.dialog("Stage", icon=":material/flag:")
def change_stage(deployment: DeploymentInfo) -> None:
    """Which stage's address it answers, of those in which its version stands."""
    name, deployments = deployment.name, workspace().deployments
    before = deployments.stage(name)
    version = workspace().registry.version(deployment.model, deployment.version)
    options = list(dict.fromkeys((*_stages_for(version, name), before)))
    if options == [NO_STAGE]:
        st.markdown(_no_choice(deployment, version))
        return
    after = _select(options, before, key="stage")
    st.markdown(f":gray[{_consequence(deployment, after)}]")
    outcome = f"answers `/stages/{after}`" if after else "answers its own address only"
    save_change(
        "stage",
        lambda reason: deployments.set_stage(name, after, reason),
        changed=after != before,
        done=f"{literal(name)} {outcome}",
    )


def can_serve(name: str, version: VersionInfo) -> bool:
    """Whether a version may take the requests of a deployment, as far as its stage is concerned."""
    return workspace().deployments.stage(name) in (NO_STAGE, version.stage)


def _select(options: list[str], before: str, *, key: str) -> str:
    return st.selectbox(
        "Stage",
        options,
        index=options.index(before),
        format_func=lambda stage: title(stage) if stage else "None",
        help="It answers the address of the stage too, `/stages/STAGE`, and only versions in that "
        "stage take over.",
        key=key,
    )


def _stages_for(version: VersionInfo, name: str = "") -> list[str]:
    """No stage, and that of the version unless another deployment of its model has it."""
    ws = workspace()
    stage = version.stage
    if stage not in [step.name for step in ws.policies.stages()]:
        return [NO_STAGE]
    taken_by = ws.deployments.in_stage(stage, version.model)
    return [NO_STAGE, stage] if taken_by in ("", name) else [NO_STAGE]


def _no_choice(deployment: DeploymentInfo, version: VersionInfo) -> str:
    other = workspace().deployments.in_stage(version.stage, version.model)
    if other:
        return (
            f"**{literal(other)}** is the deployment of **{literal(deployment.model)}** in "
            f"{version.stage}. Take it out of the stage first."
        )
    return (
        f"Version {version.version} is in no stage that versions are promoted to. Promote it "
        "first: a stage's address is answered by versions that stand there."
    )


def _consequence(deployment: DeploymentInfo, stage: str) -> str:
    if not stage:
        return "It answers its own address only, and any version of its model may take over."
    return (
        f"It also answers `/stages/{stage}/v2/models/{deployment.model}/infer`, and every other "
        f"protocol with `/stages/{stage}` before the address. Only versions in {stage} take over "
        "from now on; a rollback is always possible."
    )
