"""The wizard of a rollout: what, how, judged by what, and what will happen.

Each step is checked as a whole rollout, so that what cannot work is refused before the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.deployments.commands import MAX_REPLICAS
from pilothouse.deployments.strategies import GUARDS, strategies
from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import show_next
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields, parameter_label
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.analysis_form import analysis_form
from pilothouse_app.features.deployments.launch import servable_versions
from pilothouse_app.features.deployments.rollout_plan import plan_view

if TYPE_CHECKING:
    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.deployments.rollouts.rollout_info import RolloutPreview
    from pilothouse.kit.parameters import Parameter

DRAFT = "_rollout_draft"
ANALYSIS, INTERVAL = "analysis", "interval_seconds"
WHAT, HOW, JUDGED, PREVIEW = "What", "How", "Judged by", "What will happen"


@dataclass
class RolloutDraft:
    """What was chosen so far; it survives the steps in which its fields are not drawn."""

    deployment: str
    step: int = 0
    strategy: str = "canary"
    versions: list[int] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    replicas: int | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that the strategy has."""
        names = [p.name for p in strategies.get(self.strategy).parameters]
        judged = (JUDGED,) if ANALYSIS in names else ()
        return (WHAT, HOW, *judged, PREVIEW)

    def move(self, by: int) -> None:
        """Go on or back."""
        self.step += by


def roll_out(name: str) -> None:
    """Open the wizard, with nothing chosen yet."""
    st.session_state[DRAFT] = RolloutDraft(name)
    rollout_wizard(name)


@st.dialog("Roll out a version", width="large", icon=":material/stairs:", on_dismiss="rerun")
def rollout_wizard(name: str) -> None:
    """The step that is open, what speaks against it, and the ways on and back."""
    draft = st.session_state.get(DRAFT)
    if draft is None or draft.deployment != name:
        draft = st.session_state[DRAFT] = RolloutDraft(name)
    deployment = workspace().deployments.deployment(name)
    versions = [v for v in servable_versions(deployment.model) if v != deployment.version]
    if not versions:
        st.markdown(f"**{literal(deployment.model)}** has no other version that could be served.")
        return
    steps = draft.steps
    current = steps[min(draft.step, len(steps) - 1)]
    _progress(steps, current)
    draw: dict[str, Callable[[], None]] = {
        WHAT: lambda: _what(deployment, draft, versions),
        HOW: lambda: _how(deployment, draft),
        JUDGED: lambda: _judged(draft),
        PREVIEW: lambda: None,
    }
    try:
        draw[current]()
        preview = _checked(draft, traffic=current == PREVIEW)
    except PilothouseError as refused:
        error_box(refused)
        _ways(draft, "Mend what is wrong first")
        return
    missing = _missing(draft, preview)
    if current == PREVIEW and preview is not None:
        _start(deployment, draft, preview)
    else:
        _ways(draft, missing)


def _progress(steps: tuple[str, ...], current: str) -> None:
    names = [
        f"**{i} {name}**" if name == current else f":gray[{i} {name}]"
        for i, name in enumerate(steps, 1)
    ]
    st.markdown(" &nbsp;:gray[›]&nbsp; ".join(names))  # noqa: RUF001


def _what(deployment: DeploymentInfo, draft: RolloutDraft, versions: list[int]) -> None:
    """Strategy and versions."""
    names = strategies.names()
    draft.strategy = st.radio(
        "Strategy",
        names,
        index=names.index(draft.strategy),
        format_func=lambda name: strategies.get(name).title,
        captions=[strategies.get(name).description for name in names],
        key="rollout_strategy",
    )
    chosen = [v for v in draft.versions if v in versions]
    title = f"Beside or instead of version {deployment.version}"
    most = strategies.get(draft.strategy).max_candidates
    if most == 1:
        index = versions.index(chosen[0]) if chosen else 0
        version = st.selectbox(
            title, versions, index=index, format_func=lambda v: f"Version {v}",
            key="rollout_version",
        )  # fmt: skip
        draft.versions = [version]
    else:
        draft.versions = st.multiselect(
            title, versions, default=chosen or versions[:1], max_selections=most,
            format_func=lambda v: f"Version {v}", key="rollout_versions",
        )  # fmt: skip


def _how(deployment: DeploymentInfo, draft: RolloutDraft) -> None:
    """The strategy's own fields, the guards and the number of processes."""
    guards = {guard.name for guard in GUARDS}
    parameters = strategies.get(draft.strategy).parameters
    own = [p for p in parameters if p.name not in {*guards, ANALYSIS, INTERVAL}]
    key = f"rollout_{draft.strategy}"
    st.markdown(f"**{strategies.get(draft.strategy).title}**")
    lists = [p for p in own if p.type == "list"]
    draft.settings |= {p.name: _numbers(p, draft.settings, key) for p in lists}
    draft.settings |= parameter_fields(
        [p for p in own if p.type != "list"], draft.settings, key=key
    )
    with st.expander("Rolled back at once", icon=":material/shield:"):
        at_once = [p for p in parameters if p.name in guards]
        draft.settings |= parameter_fields(at_once, draft.settings, key=key, columns=2)
    limits = workspace().deployments.process_limits(deployment.name)
    if not limits.is_fixed:
        st.markdown(
            f":gray[Each version keeps {plural(deployment.replica_count, 'process', 'processes')} "
            f"during the rollout; afterwards {limits.text}.]"
        )
        return
    draft.replicas = int(
        st.number_input(
            "Processes of each version",
            1,
            MAX_REPLICAS,
            draft.replicas or deployment.replica_count,
            key="rollout_replicas",
            width=200,
        )
    )


def _numbers(parameter: Parameter, values: dict[str, Any], key: str) -> list[Any]:
    """A list of numbers as people write it: `5, 25, 50`; what is no number is refused by name."""
    start = values.get(parameter.name, parameter.default) or []
    text = st.text_input(
        parameter_label(parameter),
        ", ".join(map(str, start)),
        help=parameter.help,
        key=f"{key}_{parameter.name}",
    )
    parts = [part.strip() for part in (text or "").replace(";", ",").split(",")]
    return [_number(part) for part in parts if part]


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def _judged(draft: RolloutDraft) -> None:
    """How often and by what the candidate is compared with the stable version."""
    parameters = strategies.get(draft.strategy).parameters
    interval = [p for p in parameters if p.name == INTERVAL]
    draft.settings |= parameter_fields(interval, draft.settings, key=f"rollout_{draft.strategy}")
    draft.settings[ANALYSIS] = analysis_form(
        draft.settings.get(ANALYSIS) or {}, pairs=_has_copies(draft)
    )


def _has_copies(draft: RolloutDraft) -> bool:
    preview = _checked(draft)
    steps = () if preview is None else preview.steps
    return any(share.copies for step in steps for share in step.shares)


def _checked(draft: RolloutDraft, *, traffic: bool = False) -> RolloutPreview | None:
    """What the rollout would do as it is chosen; None while no version is."""
    if not draft.versions:
        return None
    names = {p.name for p in strategies.get(draft.strategy).parameters}
    settings = {name: value for name, value in draft.settings.items() if name in names}
    return workspace().deployments.preview_rollout(
        draft.deployment, draft.versions, draft.strategy, settings, traffic=traffic
    )


def _missing(draft: RolloutDraft, preview: RolloutPreview | None) -> str:
    """What keeps the wizard from going on; what the preview refuses is shown."""
    if preview is None:
        return "Choose a version first"
    for refusal in preview.refusals:
        st.error(literal(refusal), icon=":material/block:")
    return "" if preview.can_start else "It cannot work like this"


def _ways(draft: RolloutDraft, missing: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        _back(draft)
        st.button(
            "Next",
            type="primary",
            disabled=bool(missing),
            help=missing or None,
            on_click=draft.move,
            args=(1,),
            key="rollout_next",
        )


def _back(draft: RolloutDraft) -> None:
    if draft.step:
        st.button("Back", on_click=draft.move, args=(-1,), key="rollout_back")


def _start(deployment: DeploymentInfo, draft: RolloutDraft, preview: RolloutPreview) -> None:
    """The plan, the reason, and the start."""
    replicas = draft.replicas or deployment.replica_count
    plan_view(preview)
    if replicas != deployment.replica_count:
        st.markdown(f"- Each version gets {replicas} processes instead of "
                    f"{deployment.replica_count}.")  # fmt: skip
    reason = reason_input("rollout_reason")
    _back(draft)
    missing = "" if reason else "Give a reason first"
    if not preview.can_start:
        missing = "It cannot work like this"
    if not dialog_buttons("Start", "rollout_start", missing=missing):
        return

    def act() -> None:
        deployments = workspace().deployments
        deployments.start_rollout(
            deployment.name, list(preview.candidates), preview.strategy, preview.settings, reason
        )
        if replicas != deployment.replica_count:
            deployments.scale(deployment.name, replicas, reason)

    if run_or_show_error(act):
        st.session_state.pop(DRAFT, None)
        toast_next(f"{deployment.name}: the rollout has begun")
        show_next("deployment_view", "rollouts")
        st.rerun()
