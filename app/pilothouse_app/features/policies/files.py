"""Policies as a file: downloaded, and applied after a look at what it would change."""

from __future__ import annotations

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.registry.policy_files import SAME
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace


def export_button(names: tuple[str, ...] = ()) -> None:
    """Download policies as YAML, all unless names are given."""
    st.download_button(
        "Export",
        workspace().policies.export(names),
        f"{names[0] if len(names) == 1 else 'policies'}.yaml",
        "application/yaml",
        icon=":material/download:",
        on_click="ignore",
        key="policies_export",
    )


@st.dialog("Import policies", width="medium", icon=":material/upload_file:", on_dismiss="rerun")
def import_dialog() -> None:
    """A YAML file, what it would change, and a reason."""
    upload = st.file_uploader("YAML file", type=["yaml", "yml"], key="policies_file")
    pasted = st.text_area("or its text", height=140, key="policies_text")
    prune = st.toggle("Remove policies that it does not name", key="policies_prune")
    content = upload.getvalue() if upload is not None else (pasted or "").encode()
    text = content.decode("utf-8", errors="replace")
    missing = _changes(text, prune) if text.strip() else "Give a file first"
    reason = reason_input("policies_reason")
    missing = missing or ("" if reason else "Give a reason first")
    if dialog_buttons("Apply", "policies_import", missing=missing) and run_or_show_error(
        lambda: workspace().policies.apply(text, reason, prune=prune)
    ):
        toast_next("The policies are applied")
        st.rerun()


def _changes(text: str, prune: bool) -> str:
    """Draw what the file would change; why it cannot be applied, empty when it can."""
    try:
        changes = workspace().policies.diff(text, prune=prune)
    except PilothouseError as refusal:
        error_box(refusal)
        return "The file has faults"
    changed = [change.text for change in changes if change.kind != SAME]
    if not changed:
        st.markdown(":gray[Every policy of the file is there already, as it is.]")
        return "Nothing would change"
    st.code("\n".join(changed), language="diff")
    return ""
