"""Policies as tables: the list, the gates of one, its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.registry.default_gates import RECOMMENDED
from pilothouse.registry.gates import METRIC, gates
from pilothouse.registry.policy import BUILT_IN, Approvals
from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import section
from pilothouse_app.components.links import link, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_label
from pilothouse_app.components.records import records
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    when_column,
)
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.registry.gates import gate_title

if TYPE_CHECKING:
    from pilothouse.registry.policy import GateRule

POLICIES = {
    "name": name_column("Policy", width=150),
    "stage": status_column("Before", width=100),
    "models": text_column("Models", width=130),
    "gates": text_column("Gates", width=270),
    "approvals": text_column("Approvals", width=130),
    "version": number_column("Version", 0, width=74),
    "changed_at": when_column("Changed", width=118),
    "changed_by": text_column("By", width=80),
}
BUILT_IN_PREFIX = f"{BUILT_IN}:"  # of the address of a built-in policy, before its stage


def policy_table() -> None:
    """Every policy that holds; the built-in ones too, where nobody made one."""
    policies = workspace().policies
    rows, edition = records(policies.policies()), policies.edition()
    frame = pd.DataFrame(
        {
            "id": row["name"] if row["version"] else f"{BUILT_IN_PREFIX}{row['stage']}",
            "name": row["name"] if row["version"] else "Built-in",
            "stage": row["stage"],
            "models": ", ".join(row["models"]),
            "gates": _by_kind(row, edition) + _gates(row["gates"]),
            "approvals": approvals_label(Approvals(row["needed"], row["four_eyes"])),
            "version": row["version"] or None,
            "changed_at": row["changed_at"],
            "changed_by": row["changed_by"],
        }
        for row in rows
    )
    table(frame, POLICIES, key="policies", alt="Policies", opens=("policy", "id"))


def _by_kind(row: Mapping[str, Any], edition: str) -> str:
    """What the built-in policy asks first, in words."""
    depends = not row["version"] and row["stage"] == PRODUCTION and edition == RECOMMENDED
    return "Those of the kind of model, " if depends else ""


def policies_in_short() -> None:
    """How many policies hold and where they are, for the page of the registry."""
    section("Policies", "gates and approvals before each stage")
    policy_table()
    link(screen("policies"), "Edit, try, export and import policies", icon=":material/rule:")


def approvals_label(approvals: Approvals) -> str:
    """Who accepts, in a few words."""
    label = plural(approvals.needed, "person", "people")
    return f"{label}, four eyes" if approvals.four_eyes else label


def gate_table(rules: Sequence[GateRule], stage: str) -> None:
    """The gates with the parameters that were set."""
    if not rules:
        st.markdown(":gray[No gates: every version that answers its example passes.]")
        return
    rows = [{"Gate": gate_title(rule.gate), "With": _params(rule)} for rule in rules]
    st.table(
        pd.DataFrame(rows),
        border="horizontal",
        hide_index=True,
        hide_header=True,
        alt=f"Gates before {stage}",
    )


def history_table(name: str) -> None:
    """Every version with who, when, why, and the lines that changed."""
    rows = [
        {
            "Version": str(row["version"]),
            "When": f"{row['changed_at']:%Y-%m-%d %H:%M}",
            "By": literal(row["changed_by"]),
            "Reason": literal(row["reason"]),
            "Changes": "removed" if row["removed"] else _lines(row["changes"]),
        }
        for row in records(workspace().policies.history(name))
    ]
    st.table(pd.DataFrame(rows), border="horizontal", hide_index=True, alt="Versions of the policy")


def _lines(changes: Sequence[str]) -> str:
    return "  \n".join(f"`{line}`" for line in changes)


def _gates(texts: Sequence[str]) -> str:
    return ", ".join(gate_title(text.split(" ")[0]) for text in texts) or "none"


def _params(rule: GateRule) -> str:
    """The parameters that were set, by their labels; of a gate without any, what it checks."""
    if rule.gate not in gates.names():
        return "this gate is not installed; a promotion is refused"
    gate = gates.get(rule.gate)
    labels = {parameter.name: parameter_label(parameter) for parameter in gate.parameters}
    values = [
        f"{labels.get(name, title(name))} {_param(name, value)}"
        for name, value in rule.params.items()
        if value not in (None, "")
    ]
    return ", ".join(values) or gate.description


def _param(name: str, value: Any) -> str:
    if name == METRIC.name:
        return metric_kind(str(value)).title
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return str(value)
    return title(value) if isinstance(value, str) else f"{value:g}"
