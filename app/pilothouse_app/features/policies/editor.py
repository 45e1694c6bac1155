"""The editor of a policy: models, approvals and gates, each with a form made from its parameters.

A draft lives in the session as plain values; it is tried on the versions that there are before it
is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.registry.gates import gates
from pilothouse.registry.policy import BUILT_IN, EVERY, Approvals, GateRule, Policy
from pilothouse.registry.policy_check import MAX_APPROVALS
from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.formats import title
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.policies.dry_run import dry_run_table
from pilothouse_app.features.registry.gates import gate_title

DRAFT = "policy_draft"
TRIED = "policy_tried"
FOUR_EYES = "Whoever asks for a promotion is none of those who accept it"


def begin_draft(policy: Policy | None = None) -> None:
    """Start editing: from a policy, or a new one. Each item has a number, so that keys are new."""
    number = _next_number()
    rules = policy.gates if policy is not None else ()
    is_new = policy is None or policy.name == BUILT_IN
    st.session_state[TRIED] = False
    st.session_state[DRAFT] = {
        "id": number,
        "name": "" if is_new or policy is None else policy.name,
        "suggested": "" if policy is None else policy.stage,
        "stage": PRODUCTION if policy is None else policy.stage,
        "models": [EVERY] if policy is None else list(policy.models),
        "needed": 1 if policy is None else policy.approvals.needed,
        "four_eyes": policy is not None and policy.approvals.four_eyes,
        "gates": [
            {"id": f"{number}_{index}", "gate": rule.gate, "params": dict(rule.params)}
            for index, rule in enumerate(rules)
        ],
    }


@st.dialog("Edit the policy", width="large", icon=":material/rule:", on_dismiss="rerun")
def edit_policy() -> None:
    """Everything that a policy says; saving makes its next version."""
    draft = st.session_state[DRAFT]
    try:
        policy = _draft_policy(draft)
    except PilothouseError as wrong:  # a field that is written as JSON
        error_box(wrong)
        return
    _add_gate()
    if st.button("Try it on the versions", icon=":material/science:", key="policy_try"):
        st.session_state[TRIED] = True
    if st.session_state[TRIED]:
        run_or_show_error(lambda: dry_run_table(policy))

    reason = reason_input("policy_reason")
    missing = "" if policy.name else "Give a name first"
    missing = missing or ("" if policy.models else "Name at least one model")
    missing = missing or ("" if reason else "Give a reason first")
    if dialog_buttons("Save", "policy", missing=missing) and run_or_show_error(
        lambda: workspace().policies.save(policy, reason)
    ):
        toast_next(f"The policy {policy.name} is saved")
        go(address("policy", policy.name))


def _draft_policy(draft: Mapping[str, Any]) -> Policy:
    """The fields of the draft; what they hold now is the policy."""
    name, stage = _name_and_stage(draft)
    models = st.multiselect(
        "Models",
        _model_choices(draft["models"]),
        default=draft["models"],
        accept_new_options=True,
        placeholder="Names, or patterns such as fraud-*",
        help="A name, or a pattern in which * is any text. The most specific policy applies.",
        key=f"policy_models_{draft['id']}",
    )
    left, right = st.columns(2, vertical_alignment="bottom")
    needed = left.number_input(
        "Approvals needed", 1, MAX_APPROVALS, draft["needed"], key=f"policy_needed_{draft['id']}"
    )
    four_eyes = right.toggle(
        "Four eyes", draft["four_eyes"], help=FOUR_EYES, key=f"policy_eyes_{draft['id']}"
    )
    if not draft["gates"]:
        st.markdown(":gray[No gate: every version that answers its example passes.]")
    rules = tuple(_draft_rule(item) for item in draft["gates"])
    return Policy(name, stage, tuple(models), rules, Approvals(int(needed), bool(four_eyes)))


def _name_and_stage(draft: Mapping[str, Any]) -> tuple[str, str]:
    """Of a policy that is there they are fixed."""
    if draft["name"]:
        st.markdown(
            f"A version must pass all of this before **{draft['stage']}**. "
            "Pending promotions are decided by the newest version."
        )
        return draft["name"], draft["stage"]
    left, right = st.columns(2)
    name = left.text_input("Name", draft["suggested"], live=True, key=f"policy_name_{draft['id']}")
    stage = right.segmented_control(
        "Before the stage",
        [item.name for item in workspace().policies.stages()],
        default=draft["stage"],
        required=True,
        format_func=title,
        key=f"policy_stage_{draft['id']}",
    )
    return (name or "").strip(), str(stage)


def _model_choices(chosen: list[str]) -> list[str]:
    names = workspace().registry.models()["name"].tolist()
    return list(dict.fromkeys([EVERY, *names, *chosen]))


def _draft_rule(item: Mapping[str, Any]) -> GateRule:
    """One gate of the draft with its fields."""
    name, key = item["gate"], f"gate_{item['id']}"
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown(f"**{literal(gate_title(name))}**")
            st.button(
                "Remove", icon=":material/delete:", key=f"{key}_remove",
                on_click=_remove_gate, args=(item["id"],),
            )  # fmt: skip
        if name not in gates.names():
            st.markdown(":gray[This gate is not installed. Remove it, or install its package.]")
            return GateRule(name, item["params"])
        gate = gates.get(name)
        st.markdown(f":gray[{gate.description}]")
        values = parameter_fields(gate.parameters, item["params"], key=key)
        defaults = {parameter.name: parameter.default for parameter in gate.parameters}
        # What was left at its default stays open, so that the gate decides.
        chosen = {
            name: value
            for name, value in values.items()
            if value is not None and (name in item["params"] or value != defaults[name])
        }
        return GateRule(name, chosen)


def _add_gate() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Another gate", gates.names(), format_func=gate_title, key="policy_new_gate")
        st.button("Add", icon=":material/add:", key="policy_add_gate", on_click=_append_gate)


def _append_gate() -> None:
    name = st.session_state["policy_new_gate"]
    item = {"id": f"{_next_number()}_new", "gate": name, "params": {}}
    st.session_state[DRAFT]["gates"].append(item)


def _remove_gate(item_id: str) -> None:
    draft = st.session_state[DRAFT]
    draft["gates"] = [item for item in draft["gates"] if item["id"] != item_id]


def _next_number() -> int:
    """A number that no item of a draft has had in this session: keys are made from it."""
    number: int = st.session_state.get("policy_drafts", 0) + 1
    st.session_state["policy_drafts"] = number
    return number
