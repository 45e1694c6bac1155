"""Gates in the registry: the verdicts of a version, and the rules before each stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.registry.gates import METRIC, gates
from pilothouse.registry.policy import BUILT_IN, EVERY, GateRule
from pilothouse.registry.tables import GATED
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import DASH, number, plural, title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_fields, parameter_label
from pilothouse_app.components.status import badge_text
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.gates import Verdict
    from pilothouse.registry.policy import PolicyInfo


ORDER = ("failed", "inconclusive", "passed")
UNFOLDED = 8  # verdicts that are drawn without folding those that passed


def gate_title(name: str) -> str:
    """A gate's title; of one that is no longer installed, its name as a title."""
    return gates.get(name).title if name in gates.names() else title(name)


def verdict_table(verdicts: Sequence[Verdict]) -> None:
    """Draw the verdicts, those that stand in the way first; of many, the others are folded up."""
    if not verdicts:
        st.markdown(":gray[No gates are configured for this stage.]")
        return
    unmet = sorted((v for v in verdicts if not v.passed), key=lambda v: ORDER.index(v.outcome))
    passed = [verdict for verdict in verdicts if verdict.passed]
    if len(verdicts) <= UNFOLDED:
        _verdict_rows([*unmet, *passed])
        return
    if unmet:
        _verdict_rows(unmet)
    if passed:
        with st.expander(f"{plural(len(passed), 'gate')} passed", expanded=not unmet):
            _verdict_rows(passed)


def _verdict_rows(verdicts: Sequence[Verdict]) -> None:
    rows = [
        {
            "Gate": gate_title(verdict.gate),
            "Verdict": badge_text(verdict.outcome),
            "Value": _with_unit(verdict.gate, verdict.figure),
            "Limit": _with_unit(verdict.gate, verdict.limit),
            "Explanation": literal(verdict.message),
        }
        for verdict in verdicts
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Verdicts of the gates")


def gate_overview() -> None:
    """The gates before each stage, with their parameters, and the button that changes them."""
    with st.grid(2, gap="medium", min_column_width=320):
        for stage in GATED:
            with st.container(border=True, height="stretch", key=f"gates_{stage}"):
                _stage_rules(stage)


def _stage_rules(stage: str) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.markdown(f"**Before {stage}**")
        st.button(
            "Change",
            icon=":material/edit:",
            key=f"gates_edit_{stage}",
            help=f"Choose which gates a version must pass before {stage}",
            on_click=begin_draft,
            args=(stage,),
        )
    if st.session_state.get(f"gates_edit_{stage}"):
        edit_gates(stage)

    rows = [
        {"Gate": gate_title(rule.gate), "With": _params(rule)}
        for rule in _general_policy(stage).gates
    ]
    if rows:
        st.table(
            pd.DataFrame(rows),
            border="horizontal",
            hide_index=True,
            hide_header=True,
            alt=f"Gates before {stage}",
        )
    else:
        st.markdown(":gray[No gates]")


def _params(rule: GateRule) -> str:
    """The parameters that were set, by their labels; of a gate without any, what it checks."""
    if rule.gate not in gates.names():
        return "this gate is not installed; a promotion is refused"
    gate = gates.get(rule.gate)
    labels = {parameter.name: parameter_label(parameter) for parameter in gate.parameters}
    values = [
        f"{labels.get(name, title(name))} {_param(name, value)}"
        for name, value in rule.params.items()
    ]
    return ", ".join(values) or gate.description


def _param(name: str, value: Any) -> str:
    if name == METRIC.name:
        return metric_kind(str(value)).title
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return str(value)
    return title(value) if isinstance(value, str) else f"{value:g}"


def begin_draft(stage: str) -> None:
    """Start editing from the stored rules: plain values, a number for each so that keys are new."""
    number = _next_number()
    st.session_state[f"gates_draft_{stage}"] = [
        {"id": f"{number}_{index}", "gate": rule.gate, "params": dict(rule.params)}
        for index, rule in enumerate(_general_policy(stage).gates)
    ]


@st.dialog("Change the gates", width="large", icon=":material/rule:")
def edit_gates(stage: str) -> None:
    """The gates before a stage, each with its own form, made from what the gate declares."""
    st.markdown(
        f"A version must pass all of these before **{stage}**. "
        "Pending promotions are evaluated with the new gates."
    )
    draft = st.session_state.get(f"gates_draft_{stage}", [])
    rules = [_draft_rule(stage, item) for item in draft]
    if not draft:
        st.markdown(":gray[No gate: every version passes.]")
    _add_gate(stage)

    reason = reason_input(f"gates_reason_{stage}")
    if dialog_buttons(
        "Save", f"gates_{stage}", missing="" if reason else "Give a reason first"
    ) and run_or_show_error(lambda: _save(stage, rules, reason)):
        toast_next(f"The gates before {stage} have changed")
        st.rerun()


def _general_policy(stage: str) -> PolicyInfo:
    """The policy for the models that no other one names."""
    return workspace().policies.applicable(EVERY, stage)


def _save(stage: str, rules: Sequence[GateRule], reason: str) -> None:
    policy = _general_policy(stage).policy
    name = stage if policy.name == BUILT_IN else policy.name
    workspace().policies.save(replace(policy, name=name, gates=tuple(rules)), reason)


def _draft_rule(stage: str, item: Mapping[str, Any]) -> GateRule:
    """One gate of the draft with its fields; what they hold now is the rule."""
    name, key = item["gate"], f"gate_{item['id']}"
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown(f"**{literal(gate_title(name))}**")
            st.button(
                "Remove", icon=":material/delete:", key=f"{key}_remove",
                on_click=_remove_gate, args=(stage, item["id"]),
            )  # fmt: skip
        if name not in gates.names():
            st.markdown(":gray[This gate is not installed. Remove it, or install its package.]")
            return GateRule(name, item["params"])
        gate = gates.get(name)
        st.markdown(f":gray[{gate.description}]")
        return GateRule(name, parameter_fields(gate.parameters, item["params"], key=key))


def _add_gate(stage: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Another gate", gates.names(), format_func=gate_title, key=f"gates_new_{stage}"
        )
        st.button(
            "Add", icon=":material/add:", key=f"gates_add_{stage}",
            on_click=_append_gate, args=(stage,),
        )  # fmt: skip


def _append_gate(stage: str) -> None:
    name = st.session_state[f"gates_new_{stage}"]
    draft = st.session_state.get(f"gates_draft_{stage}", [])
    st.session_state[f"gates_draft_{stage}"] = [
        *draft, {"id": f"{_next_number()}_new", "gate": name, "params": {}},
    ]  # fmt: skip


def _next_number() -> int:
    """A number that no item of a draft has had in this session: keys are made from it."""
    number: int = st.session_state.get("gates_drafts", 0) + 1
    st.session_state["gates_drafts"] = number
    return number


def _remove_gate(stage: str, item_id: str) -> None:
    draft = st.session_state[f"gates_draft_{stage}"]
    st.session_state[f"gates_draft_{stage}"] = [item for item in draft if item["id"] != item_id]


def verdict_summary(verdicts: Sequence[Verdict]) -> str:
    """In one line: how many gates passed or failed."""
    failing = [verdict for verdict in verdicts if not verdict.passed]
    if not failing:
        return f"{plural(len(verdicts), 'gate')} passed"
    return f"{len(failing)} of {plural(len(verdicts), 'gate')} not passed"


def _with_unit(name: str, value: float | None) -> str:
    unit = gates.get(name).unit if name in gates.names() else ""
    if value is None:
        return DASH
    if unit and value != int(value):  # of a measured amount, more digits say nothing
        return f"{number(value, 1 if abs(value) >= 10 else 3)} {unit}"
    return f"{gate_number(value)} {unit}".strip()


def gate_number(value: float | None) -> str:
    """A value or limit of a gate: whole numbers without decimals."""
    if value is None:
        return DASH
    return number(value, 0 if value == int(value) else 4)
