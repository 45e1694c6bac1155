"""Rollouts on the page of a deployment: the one under way, live, and those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import ago, duration
from pilothouse_app.components.header import facts, section
from pilothouse_app.components.kpis import Kpi, kpi_row
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.table import (
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.deployments.launch import no_other_version
from pilothouse_app.features.deployments.rollout_plan import STATES, STEPS, steps_frame
from pilothouse_app.features.deployments.rollout_results import looks, newest_results
from pilothouse_app.features.deployments.rollout_wizard import roll_out

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.deployments.rollouts.rollout_info import RolloutInfo, VariantShare

RUNNING, HELD = "running", "held"
ROLL_OUT = "Roll out a version"
HISTORY = {
    "strategy": text_column("Strategy", width=100),
    "versions": text_column("Versions", width=110),
    "state": status_column("Ended as", width=104),
    "message": text_column("Why", width=280),
    "started_at": when_column("Began (UTC)", relative=False, width=140),
    "length": text_column("Took", width=84),
    "by": text_column("By", width=110),
    "reason": text_column("Reason"),
}
HOLDS = {
    "inconclusive": "the figures prove nothing yet",
    "approval": "it waits for a person",
    "person": "a person holds it",
}


def roll_out_button(deployment: DeploymentInfo) -> None:
    """The button that opens the wizard; disabled while it could not start."""
    obstacle = no_other_version(deployment, answering=False)
    if deployment.desired_state == "stopped":
        obstacle = "Resume the deployment first"
    elif workspace().deployments.active_rollout(deployment.name) is not None:
        obstacle = "A rollout is under way"
    if st.button(
        "Roll out",
        type="primary",
        icon=":material/stairs:",
        key="roll_out",
        disabled=bool(obstacle),
        help=obstacle or "Another version in steps, compared with this one",
    ):
        roll_out(deployment.name)


def rollouts_view(deployment: DeploymentInfo) -> None:
    """The rollout under way with its buttons, then those before."""
    name = deployment.name
    active = workspace().deployments.active_rollout(name)
    if active is not None:
        _commands(active)
    live(
        lambda: _live_body(name),
        key="rollout_live",
        busy=active is not None and active.state == RUNNING,
        state=_state(active),
        idle_seconds=5.0,
    )
    frame = workspace().deployments.rollouts(name)
    ended = frame[frame["ended_at"].notna()]
    if ended.empty and active is None:
        empty(
            "No rollout yet",
            "A rollout tries another version on part of the requests, compares both at the same "
            "time, and goes on or back by itself.",
            icon=":material/stairs:",
            action=None
            if no_other_version(deployment, answering=False)
            else (ROLL_OUT, lambda: roll_out(name)),
            key="no_rollouts",
        )
    elif not ended.empty:
        _history(name, ended)


def _commands(rollout: RolloutInfo) -> None:
    """Hold or go on, take back, and end without a verdict."""
    name, deployments = rollout.deployment, workspace().deployments
    with st.container(horizontal=True):
        if rollout.state == HELD:
            if st.button("Go on", type="primary", icon=":material/skip_next:", key="go_on"):
                go_on(name)
        elif st.button("Hold", icon=":material/pause:", key="hold"):
            confirm(
                "Hold the rollout",
                "It stays in this step until somebody lets it go on. The versions keep their "
                "shares of the requests, and faults of the candidate still roll it back.",
                verb="Hold",
                command=lambda reason: deployments.hold_rollout(name, reason),
                done=f"The rollout of {name} is held",
            )
        if st.button("Roll back", icon=":material/undo:", key="rollout_roll_back"):
            confirm(
                "Roll the candidate back",
                f"Every request to **{name}** goes to version {rollout.stable_version} again, "
                "within a second. The candidate is recorded as the reason.",
                verb="Roll back",
                command=lambda reason: deployments.roll_back(name, reason),
                done=f"{name} is rolled back to version {rollout.stable_version}",
            )
        if st.button("Cancel", icon=":material/close:", key="rollout_cancel"):
            confirm(
                "Cancel the rollout",
                f"Every request to **{name}** goes to version {rollout.stable_version} again. "
                "Nothing is said against the candidate.",
                verb="Cancel the rollout",
                command=lambda reason: deployments.cancel_rollout(name, reason),
                done=f"The rollout of {name} is cancelled",
            )


@st.dialog("Go on", width="small", icon=":material/skip_next:")
def go_on(name: str) -> None:
    """What goes on, with the version that stays where several were tried."""
    rollout = workspace().deployments.rollout(name)
    last = rollout.step == len(rollout.steps)
    version: int | None = None
    if last and rollout.needs_several:
        version = st.selectbox(
            "The version that stays",
            [rollout.stable_version, *rollout.candidates],
            format_func=lambda number: f"Version {number}",
            key="go_on_version",
        )
        st.markdown(f"Version {version} gets every request.")
    else:
        st.markdown(_next_text(rollout, last=last))
    reason = reason_input("go_on_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Go on", "go_on", missing=missing) and run_or_show_error(
        lambda: workspace().deployments.continue_rollout(name, reason, version=version)
    ):
        toast_next(f"The rollout of {name} goes on")
        st.rerun()


def _next_text(rollout: RolloutInfo, *, last: bool) -> str:
    if rollout.hold == "person":
        return "It goes on in the step in which it was held."
    if last and rollout.replaces:
        return f"Version {rollout.candidates[0]} gets every request."
    if last:
        return f"The rollout ends, and version {rollout.stable_version} stays."
    following = rollout.steps[rollout.step]
    return f"The next step begins: {literal(following.title)}."


def _live_body(name: str) -> object:
    rollout = workspace().deployments.active_rollout(name)
    if rollout is not None:
        _head(rollout)
        _variants(rollout)
        section("Steps", f"{rollout.step} of {len(rollout.steps)}")
        frame = steps_frame(rollout.steps)
        table(frame, {**STEPS, **STATES}, key="rollout_steps", alt="Steps", ids="number")
        newest_results(rollout)
        looks(rollout.analyses)
    return _state(rollout)


def _state(rollout: RolloutInfo | None) -> object:
    """What the buttons are drawn for."""
    return "none" if rollout is None else (rollout.id, rollout.state, rollout.step, rollout.hold)


def _head(rollout: RolloutInfo) -> None:
    hold = f" – {HOLDS[rollout.hold]}" if rollout.hold in HOLDS else ""  # noqa: RUF001
    st.markdown(
        f"**{rollout.strategy_title} of {_versions(rollout)}** "
        f"{badge_text(rollout.state, rollout.state.capitalize() + hold)}  \n"
        f"{literal(rollout.message)}"
    )
    facts(
        {
            "Began": f"{ago(rollout.started_at)} by {literal(rollout.by)}",
            "Reason": literal(rollout.reason),
        }
    )
    _clock(rollout)


def _clock(rollout: RolloutInfo) -> None:
    """How much of the step's time has passed."""
    began, ends = rollout.step_started_at, rollout.step_ends_at
    if began is None or ends is None or ends <= began:
        return
    now = workspace().store.now()
    share = min((now - began) / (ends - began), 1.0)
    left = max((ends - now).total_seconds(), 0.0)
    text = f"{duration(left)} of this step are left" if left else "The step's time is over"
    st.progress(max(share, 0.0), text=text)


def _versions(rollout: RolloutInfo) -> str:
    candidates = ", ".join(map(str, rollout.candidates))
    noun = "versions" if rollout.needs_several else "version"
    return f"{noun} {candidates} beside {rollout.stable_version}"


def _variants(rollout: RolloutInfo) -> None:
    """Each version's share of the requests and its processes."""
    if rollout.shares:
        kpi_row([_tile(share) for share in rollout.shares])


def _tile(share: VariantShare) -> Kpi:
    value = f"{share.percent:g} % of requests"
    if share.copies:
        value = f"copies of {share.copies:g} %"
    ready = "1 process ready" if share.ready == 1 else f"{share.ready} processes ready"
    reach = ", reached by its number" if share.preview and not share.percent else ""
    return Kpi(
        f"Version {share.version}, {share.role}", value, f"{ready}{reach}", alarming=not share.ready
    )


def _history(name: str, ended: pd.DataFrame) -> None:
    """Ended rollouts with their outcome; a ticked one with all that was found."""
    section("Ended rollouts", "tick one to see what was found")
    rows = ended.assign(
        versions=[
            f"{stable} → {candidates}"
            for stable, candidates in zip(ended["stable_version"], ended["candidates"], strict=True)
        ],
        length=[
            duration((end - start).total_seconds())
            for start, end in zip(ended["started_at"], ended["ended_at"], strict=True)
        ],
    )
    chosen = table(rows, HISTORY, key="rollouts", alt="Ended rollouts", select="one")
    for rollout_id in chosen[:1]:
        if rollout_id in list(ended["id"]):
            rollout = workspace().deployments.rollout(name, rollout_id)
            newest_results(rollout)
            looks(rollout.analyses)
