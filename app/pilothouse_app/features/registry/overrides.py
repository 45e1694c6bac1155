"""Overridden gates: who let a version through which gate until when, in red, and the command."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.people.rights import OVERRIDE
from pilothouse.registry.gates import gates
from pilothouse.registry.overrides import SAFETY_GATES
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import plural, title, when
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.gates import Verdict
    from pilothouse.registry.info import PromotionInfo
    from pilothouse.registry.overrides import OverrideInfo

DAYS, MAX_DAYS = 30, 365
NO_RIGHT = "Needs the right to override a gate"


def gate_title(gate: str) -> str:
    """The title of a gate; of one that is not installed any more its name."""
    return gates.get(gate).title if gate in gates.names() else title(gate)


def overrides_of_promotion(promotion_id: str) -> list[OverrideInfo]:
    """The overrides of a promotion, the newest of each gate."""
    return workspace().registry.overrides(promotion=promotion_id)


def overrides_block(overrides: Sequence[OverrideInfo]) -> None:
    """Each override in red, with its end."""
    for item in overrides:
        end = "until" if item.in_force else "expired"
        st.error(
            f"{literal(item.message)}.  \nOverridden by **{literal(item.by)}**, {end} "
            f"{when(item.expires_at)}: {literal(item.reason)}",
            title=f"{gate_title(item.gate)}: overridden"
            + ("" if item.in_force else ", and the override has expired"),
            icon=":material/gavel:",
        )


def overridden_line(model: str, version: int | None = None) -> None:
    """How many gates were overridden for what stands in a stage now, in red; nothing without."""
    overrides = workspace().registry.overrides(model=model, version=version)
    standing = [item for item in overrides if item.standing]
    if not standing:
        return
    expired = sum(item.has_expired for item in standing)
    label = f"{plural(len(standing), 'gate')} overridden"
    label += f", {expired} expired" if expired else ""
    names = "; ".join(
        f"{item.model} {item.version}: {gate_title(item.gate)} until {when(item.expires_at)}"
        for item in standing
    )
    st.badge(label, icon=":material/gavel:", color="red", help=names)


def override_button(promotion: PromotionInfo, verdicts: Sequence[Verdict]) -> None:
    """The button that overrides one of the gates that do not pass; nothing without such a gate."""
    names = [
        verdict.gate
        for verdict in verdicts
        if not verdict.passed and verdict.gate not in SAFETY_GATES
    ]
    if not names:
        return
    may = workspace().people.may(OVERRIDE) or not workspace().store.is_person
    if st.button(
        "Override a gate",
        icon=":material/gavel:",
        key="override",
        disabled=not may,
        help=None if may else NO_RIGHT,
    ):
        _override_dialog(promotion.id, list(dict.fromkeys(names)))


@st.dialog("Override a gate", width="small", icon=":material/gavel:", on_dismiss="rerun")
def _override_dialog(promotion_id: str, names: Sequence[str]) -> None:
    st.markdown(
        "This promotion may pass although the gate does not, until a day that you choose. The "
        "override is shown in red and counted. After its end the version needs a person again."
    )
    gate = st.selectbox("Gate", names, format_func=gate_title, key="override_gate")
    today = workspace().store.now().astimezone(UTC).date()
    end = st.date_input(
        "Until the end of",
        today + timedelta(days=DAYS),
        min_value=today,
        max_value=today + timedelta(days=MAX_DAYS),
        key="override_end",
    )
    reason = reason_input("override_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Override", "override", missing=missing) and run_or_show_error(
        lambda: workspace().registry.override(
            promotion_id, str(gate), reason, datetime.combine(end, time(23, 59, 59), UTC)
        )
    ):
        toast_next(f"{gate_title(str(gate))} is overridden for this promotion")
        st.rerun()
