"""Moving a version up: the gates' verdicts before the click, a reason, the name typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.overrides import unmet
from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import reason_input, run_or_show_error
from pilothouse_app.components.formats import title
from pilothouse_app.components.links import PageAddress, address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.person import signature
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.registry.affected import affected_text
from pilothouse_app.features.registry.gates import left_out_line, verdict_summary, verdict_table
from pilothouse_app.features.registry.measure import (
    DIALOG_OPEN,
    begin_measuring,
    follow_measuring,
    measure_line,
)
from pilothouse_app.features.registry.votes import vote_consequence

if TYPE_CHECKING:
    from pilothouse.registry.info import PromotionInfo, VersionInfo
    from pilothouse.registry.policy import GateDecision, PolicyInfo


def promote_button(
    version: VersionInfo, *, label: str = "Promote", key: str = "promote", primary: bool = True
) -> None:
    """The button that opens the promotion of a version, or the one that waits already.

    It is not the `primary` one of a page that names another step to take first.
    """
    waiting = pending_promotion(version)
    if waiting:
        to = address("promotion", waiting.id)
        if st.button("Decide", type="primary", icon=":material/how_to_vote:", key=key):
            go(to)
        return

    at_top = version.stage == PRODUCTION
    pressed = st.button(
        label,
        type="primary" if primary else "secondary",
        icon=":material/arrow_upward:",
        key=key,
        disabled=at_top,
        help="It is in production already" if at_top else None,
    )
    if not pressed and st.session_state.get(DIALOG_OPEN) == key:
        del st.session_state[DIALOG_OPEN]
    if pressed:
        st.session_state[DIALOG_OPEN] = key
        promote(version.model, version.version)


def pending_promotion(version: VersionInfo) -> PromotionInfo | None:
    """The promotion of this version that waits for a decision."""
    registry = workspace().registry
    promotions = registry.promotions("pending", version.model)
    ids = list(promotions[promotions["version"] == version.version]["id"])
    return registry.promotion(str(ids[0])) if ids else None


@st.dialog("Promote", width="medium", icon=":material/arrow_upward:", on_dismiss="rerun")
def promote(model: str, version: int) -> None:
    """The dialog: stage, consequence, gate results, reason, and the typed name."""
    ws = workspace()
    model_version = ws.registry.version(model, version)
    stages = [item.name for item in ws.policies.stages() if item.name != model_version.stage]
    stage = st.segmented_control(
        "To", stages, default=stages[-1], required=True, format_func=title, key="promote_stage"
    )
    begin_measuring(model_version, str(stage))
    st.markdown(
        consequence(model_version, str(stage))
        + affected_text(model, version, "promote", str(stage))
    )
    follow_measuring(model_version, lambda: _gates(model_version, str(stage)))
    reason, typed = _reason_and_name(model if stage == PRODUCTION else "")
    follow_measuring(model_version, lambda: _buttons(model_version, str(stage), reason, typed))


def _gates(version: VersionInfo, stage: str) -> None:
    """What the gates of the policy say now."""
    ws = workspace()
    decision = ws.registry.assess(version.model, version.version, stage)
    policy = ws.policies.applicable(version.model, stage, version.version)
    st.markdown(
        f"**Gates** &nbsp;:gray[{verdict_summary(decision.verdicts)} · policy "
        f"{literal(policy.ref)}, because {literal(policy.why(version.model))}]"
    )
    measure_line(version, stage, key=f"promote_measure_{stage}", is_live=False)
    verdict_table(decision.verdicts)
    left_out_line(policy.left_out)


def _buttons(version: VersionInfo, stage: str, reason: str, typed: bool) -> None:
    """Ask for a decision, or promote where the gates pass now."""
    ws, model, number = workspace(), version.model, version.version
    decision = ws.registry.assess(model, number, stage)
    policy = ws.policies.applicable(model, stage, number)
    nameless, sign = signature("promote")
    ready = bool(reason) and typed and not nameless
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="promote_cancel"):
            st.rerun()
        proposed = st.button(
            "Request a decision",
            disabled=not reason or bool(nameless),
            help="Leaves it pending, for somebody to accept or reject; its page shows how far the "
            "measurements are",
            on_click=sign,
            key="promote_ask",
        )
        pressed = st.button(
            "Promote",
            type="primary",
            disabled=not (ready and decision.accepted) or bool(_others(policy)),
            help=_others(policy)
            or _missing(decision.accepted, bool(reason), typed)
            or nameless
            or None,
            on_click=sign,
            key="promote_go",
        )

    if proposed and run_or_show_error(lambda: ws.registry.propose(model, number, stage, reason)):
        toast_next(f"{model} {number} waits for a decision")
        if (waiting := pending_promotion(version)) is not None:
            go(address("promotion", waiting.id))

    if pressed and run_or_show_error(lambda: ws.registry.promote(model, number, stage, reason)):
        toast_next(f"{model} {number} is in {stage}")
        st.rerun()


def consequence(version: VersionInfo, stage: str) -> str:
    """The consequence of a promotion as a sentence."""
    model = literal(version.model)
    name = f"**{model} {version.version}**"
    if stage != PRODUCTION:
        return f"{name} moves from {_stage(version.stage)} to {stage}. No traffic moves."
    champion = workspace().registry.champion(version.model)
    if champion is None or champion.version == version.version:
        return f"{name} becomes the first champion of {model}. Deployments stay as they are."
    return (
        f"{name} becomes the champion and **version {champion.version}** is archived. "
        "Deployments keep the version they serve until they are swapped."
    )


def _stage(stage: str) -> str:
    return "no stage" if stage == "none" else stage


def _reason_and_name(name: str) -> tuple[str, bool]:
    reason = reason_input("promote_reason")
    if not name:
        return reason, True
    typed = st.text_input(
        f"Type {literal(name)} to confirm", placeholder=name, live=True, key="promote_typed"
    )
    return reason, (typed or "").strip() == name


def _others(policy: PolicyInfo) -> str:
    """Why whoever opens the dialog cannot promote alone; empty when they can."""
    alone = len(workspace().people.people()) <= 1
    if policy.approvals.by_author or alone:
        return ""
    return "Its policy needs others: request a decision"


def _missing(accepted: bool, reason: bool, typed: bool) -> str | None:
    if not accepted:
        return "Not all gates have passed"
    if not reason:
        return "Give a reason first"
    return None if typed else "Type the name first"


def current_evaluation(promotion: PromotionInfo) -> GateDecision:
    """The gate results of a pending promotion now, on the comparison stored with it."""
    return workspace().registry.assess(
        promotion.model,
        promotion.version,
        promotion.stage,
        promotion.evidence.get("comparison"),
    )


def decide_buttons(
    promotion: PromotionInfo,
    *,
    key: str = "decide",
    then: PageAddress | None = None,
    by_keyboard: bool = False,
    now: GateDecision | None = None,
) -> None:
    """Accept and reject, for a promotion that waits.

    `then` is the page to go on to, or its own. `by_keyboard` the keys Y and N open the dialogs.
    `now` is what `current_evaluation` gave, where it was asked already.
    """
    ws = workspace()
    what = f"{promotion.model} {promotion.version}"
    now = now or current_evaluation(promotion)
    standing = unmet(now.verdicts, ws.registry.overrides(promotion=promotion.id))
    then = then or address("promotion", promotion.id)

    if st.button(
        "Reject",
        icon=":material/close:",
        key=f"{key}_reject",
        shortcut="N" if by_keyboard else None,
    ):
        confirm(
            "Reject this promotion",
            f"**{literal(what)}** stays where it is. The evidence and your reason are kept.",
            verb="Reject",
            command=lambda reason: workspace().registry.decide(promotion.id, False, reason),
            done="Your vote is kept",
            then=then,
        )

    if st.button(
        "Accept",
        type="primary",
        icon=":material/check:",
        disabled=bool(standing),
        help=f"{verdict_summary(now.verdicts)}: {now.message}" if standing else None,
        key=f"{key}_accept",
        shortcut="Y" if by_keyboard else None,
    ):
        version = ws.registry.version(promotion.model, promotion.version)
        moves = f"{consequence(version, promotion.stage)} The gates are evaluated again now."
        moves += affected_text(promotion.model, promotion.version, "promote", promotion.stage)
        waits = vote_consequence(promotion)
        confirm(
            f"Accept: {what} to {promotion.stage}",
            waits or moves,
            verb="Accept",
            command=lambda reason: workspace().registry.decide(promotion.id, True, reason),
            done="Your vote is kept" if waits else f"{what} is in {promotion.stage}",
            type_to_confirm=promotion.model if promotion.stage == PRODUCTION else "",
            then=then,
        )
