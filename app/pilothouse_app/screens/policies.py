"""Policies: what is asked of a version before each stage, and for which models."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.policies.editions import edition_notice
from pilothouse_app.features.policies.editor import begin_draft, edit_policy
from pilothouse_app.features.policies.files import export_button, import_dialog
from pilothouse_app.features.policies.overview import policy_table
from pilothouse_app.features.policies.stages import stage_section

SCREEN = Screen(
    title="Policies",
    path="policies",
    icon=":material/rule:",
    summary="Gates and approvals before each stage",
    section="Govern",
    order=10,
)


def render() -> None:
    """The list, with the commands on all of them."""
    policies = workspace().policies.policies()
    made = int((policies["version"] > 0).sum())
    with header("Policies", note=plural(made, "policy", "policies") + " of your own"):
        if made:
            export_button()
        if st.button("Import", icon=":material/upload_file:", key="policies_import"):
            import_dialog()
        if st.button("New policy", type="primary", icon=":material/add:", key="policy_new"):
            begin_draft()
            edit_policy()
    edition_notice()
    st.caption(
        "The policy that names a model most closely applies to it, alone. A version also has to "
        "answer its example in a model process before every stage."
    )
    policy_table()
    stage_section()
