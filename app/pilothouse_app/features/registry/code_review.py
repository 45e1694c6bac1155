"""The own code of a version: what its files would import, and a person's approval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, table, text_column
from pilothouse_app.components.table_height import limited_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import chosen_name, workspace

if TYPE_CHECKING:
    from pilothouse.registry.code_audit import AuditInfo
    from pilothouse.registry.info import VersionInfo

MAX_ROWS = 8
COLOURS = {"data only": "green", "classes of known libraries": "blue", "own code": "orange"}
EXPLANATIONS = {
    "data only": "Loading its files reads numbers and texts; no code runs.",
    "classes of known libraries": "Its files name classes that build estimators, and no others.",
    "own code": "Loading its files runs code that their author wrote.",
}
COLUMNS = {
    "name": name_column("Would import", width=330),
    "list": text_column(
        "Known", width=76, help="Whether it is on the list of classes that build estimators"
    ),
}


def code_badge(audit: AuditInfo | None) -> None:
    """The badge of a version from elsewhere: data only, known classes, or own code."""
    if audit is not None:
        st.badge(
            audit.badge.capitalize(),
            color=COLOURS[audit.badge],  # type: ignore[arg-type]  # one of streamlit's colours
            help=EXPLANATIONS[audit.badge],
        )


def code_section(version: VersionInfo, audit: AuditInfo | None) -> None:
    """What loading would import, and who approved it."""
    if audit is None:
        return
    section("Code", EXPLANATIONS[audit.badge] if not audit.message else "")
    if audit.message:
        st.markdown(literal(f"Its files cannot be read: {audit.message}."))
        return
    imports_table(audit, key="version_imports")
    approval = workspace().registry.code_approval(version.model, version.version)
    if approval is None:
        return
    if not approval.is_valid:
        st.markdown(
            f":gray[Approval revoked by] {literal(approval.revoked_by)}: "
            f"{literal(approval.revoke_reason)}"
        )
        return
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(
            f":gray[Approved by] {literal(approval.approved_by)} {ago(approval.approved_at)}: "
            f"{literal(approval.reason)}"
        )
        if st.button("Revoke approval", icon=":material/block:", key="version_revoke"):
            _confirm_revocation(version)


def imports_table(audit: AuditInfo, *, key: str) -> None:
    """The names that loading would import, unknown ones first."""
    if not audit.imports:
        return
    unknown = set(audit.unknown)
    names = sorted(audit.imports, key=lambda name: (name not in unknown, name))
    rows = [{"name": name, "list": "no" if name in unknown else "yes"} for name in names]
    table(
        pd.DataFrame(rows),
        COLUMNS,
        key=key,
        ids="name",
        alt="Names that loading the files would import",
        height=limited_height(len(rows), MAX_ROWS),
    )


@st.dialog("Review code", width="medium", icon=":material/policy:", on_dismiss="rerun")
def review_code(model: str, version: int) -> None:
    """Show what the files would import; approving needs a name and a reason."""
    ws = workspace()
    audit = ws.registry.code_audit(model, version)
    if audit is None:
        return
    listed = plural(len(audit.unknown), "name")
    st.markdown(
        f"Loading **{literal(model)} {version}** runs what its author wrote. {listed} of what it "
        "imports are not on the list of known classes. Read the files first: approved code runs "
        "with the rights of the model process."
    )
    imports_table(audit, key="review_imports")
    if name := chosen_name():
        st.markdown(f":gray[Approved in the name of] {literal(name)}")
    reason = reason_input("review_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Approve code", "review", missing=missing) and run_or_show_error(
        lambda: ws.registry.approve_code(model, version, reason)
    ):
        toast_next(f"The code of {model} {version} is approved")
        st.rerun()


def _confirm_revocation(version: VersionInfo) -> None:
    confirm(
        "Revoke the approval",
        f"**{literal(version.model)} {version.version}** is not loaded again. Processes that run "
        "keep running.",
        verb="Revoke approval",
        command=lambda reason: workspace().registry.revoke_code(
            version.model, version.version, reason
        ),
        done=f"The approval of {version.model} {version.version} is revoked",
    )
