"""One policy: its gates, what it says of the versions there are, and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.tables import PRODUCTION
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import DASH, ago, title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import PageAddress, query_param, screen
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.policies.dry_run import dry_run_table
from pilothouse_app.features.policies.editions import (
    built_in_of_kind,
    edition_button,
    other_edition,
)
from pilothouse_app.features.policies.editor import begin_draft, edit_policy
from pilothouse_app.features.policies.files import export_button
from pilothouse_app.features.policies.overview import (
    BUILT_IN_PREFIX,
    approvals_label,
    gate_table,
    history_table,
)
from pilothouse_app.features.registry.gates import left_out_line

if TYPE_CHECKING:
    from pilothouse.registry.policy import PolicyInfo

SCREEN = Screen(
    title="Policy",
    path="policy",
    icon=":material/rule:",
    summary="What is asked before one stage",
    parent="policies",
)


def render() -> None:
    """The policy the address names."""
    name = query_param("name")
    back = ("Policies", screen("policies"))
    if not name:
        with header("Policy", back=back):
            pass
        empty("Which policy?", "The address names none.", to=("Open policies", back[1]))
        return
    stage = name.removeprefix(BUILT_IN_PREFIX)
    stages = [item.name for item in workspace().policies.stages()]
    if name.startswith(BUILT_IN_PREFIX) and stage in stages:
        _built_in(stage, back)
        return
    info = workspace().policies.policy(name)
    with header(f"Policy {info.name}", back=back):
        _commands(info)
    _facts(info)
    section("Gates", "all of them must pass")
    gate_table(info.gates, info.stage)
    section("What it says of the versions that there are")
    dry_run_table(info.policy)
    section("History")
    history_table(info.name)


def _built_in(stage: str, back: tuple[str, PageAddress]) -> None:
    """What holds where nobody made a policy: of each kind of model, where it depends on it."""
    with header(f"Built-in policy before {stage}", back=back):
        if stage == PRODUCTION:
            edition_button(other_edition())
        commands = st.container()
    info = built_in_of_kind(stage)
    with commands:
        _edit_button("Make one of your own", info)
    _facts(info)
    section("Gates", "all of them must pass")
    gate_table(info.gates, stage)
    left_out_line(info.left_out)
    section("What it says of the versions that there are")
    dry_run_table(info.policy)


def _commands(info: PolicyInfo) -> None:
    export_button((info.name,))
    if st.button("Remove", icon=":material/delete:", key="policy_remove"):
        confirm(
            "Remove this policy",
            f"Its models meet the next policy that fits before {info.stage}, or the built-in "
            "one. Its versions stay on record.",
            verb="Remove",
            command=lambda reason: workspace().policies.remove(info.name, reason),
            done=f"The policy {info.name} is removed",
            then=screen("policies"),
        )
    _edit_button("Edit", info)


def _edit_button(label: str, info: PolicyInfo) -> None:
    if st.button(label, type="primary", icon=":material/edit:", key="policy_edit"):
        begin_draft(info.policy)
        edit_policy()


def _facts(info: PolicyInfo) -> None:
    pairs = {
        "Before": title(info.stage),
        "Models": ", ".join(f"`{pattern}`" for pattern in info.models),
        "Approvals": approvals_label(info.approvals),
    }
    if info.built_in:
        pairs["Holds"] = "where no policy of your own is for a model"
        if info.stage == PRODUCTION:
            pairs["Edition"] = workspace().policies.edition()
    else:
        changed = f"{ago(info.changed_at)} by {literal(info.changed_by)}"
        pairs |= {"Version": str(info.version), "Changed": changed}
        pairs |= {"Reason": literal(info.reason) or DASH}
    facts(pairs)
