"""The columns of a dataset that hold personal data: confirmed, rejected, marked by hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.data.personal_kinds import personal_kinds
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural, share, title
from pilothouse_app.components.header import section
from pilothouse_app.components.layout import fill_window
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import name_column, status_column, table, text_column
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.data.info import DatasetVersionInfo
    from pilothouse.data.personal_data.personal_columns import PersonalColumnInfo

REJECTED = "rejected"
COLUMNS = {
    "column": name_column("Column", width=160),
    "kind": text_column("Kind", width=170),
    "state": status_column(width=100),
    "matching": text_column("Matching", width=90),
    "reason": text_column("Why"),
    "decided_by": text_column("Decided by", width=120),
}


def personal_view(version: DatasetVersionInfo, reserve: float) -> None:
    """The marks of the dataset, and what a person decides about them."""
    columns = workspace().data.personal_columns(version.dataset)
    section("Personal data", _summary(columns))
    with st.container(horizontal=True):
        if st.button("Mark a column", icon=":material/visibility_off:", key="personal_mark"):
            _mark(version)
        if st.button(
            "Look again",
            icon=":material/search:",
            key="personal_find",
            help="Looks at a sample of this version's values, as every registration does",
        ):
            _find(version)
    if not columns:
        empty(
            "No personal data was found",
            "Every version is looked at when it is registered. An identifier that only you know, "
            "such as a customer number, can be marked by hand.",
            icon=":material/verified_user:",
        )
        return
    with fill_window("personal", reserve=reserve, most=33 + 30 * len(columns)):
        chosen = table(
            pd.DataFrame([_row(column) for column in columns]),
            COLUMNS,
            key="personal_columns",
            ids="column",
            alt="Columns with personal data",
            select="one",
            height="stretch",
        )
    by_name = {column.column: column for column in columns}
    _decisions(by_name.get(chosen[0]) if chosen else _undecided(columns))


def _summary(columns: list[PersonalColumnInfo]) -> str:
    masked = [column for column in columns if column.state != REJECTED]
    open_ones = sum(column.state == "proposed" for column in columns)
    text = f"{plural(len(masked), 'column')} masked on screens and in exports"
    return f"{text}, {open_ones} to decide" if open_ones else text


def _row(column: PersonalColumnInfo) -> dict[str, str]:
    return {
        "column": column.column,
        "kind": column.title,
        "state": column.state,
        "matching": "" if column.share is None else share(column.share),
        "reason": column.reason,
        "decided_by": column.decided_by,
    }


def _undecided(columns: list[PersonalColumnInfo]) -> PersonalColumnInfo | None:
    return next((column for column in columns if column.state == "proposed"), None)


def _decisions(column: PersonalColumnInfo | None) -> None:
    if column is None:
        st.markdown(":small[:gray[Tick a column to change what was decided.]]")
        return
    sampled = f", {column.sampled:,} values looked at" if column.sampled else ""
    st.markdown(f"**{literal(column.column)}**: {literal(column.title)}, {column.reason}{sampled}")
    with st.container(horizontal=True):
        if column.state != "confirmed" and st.button(
            "It is personal data", type="primary", key="personal_confirm"
        ):
            _decide(column, is_personal=True)
        if column.state != REJECTED and st.button("It is not", key="personal_reject"):
            _decide(column, is_personal=False)


@st.dialog("Personal data", icon=":material/visibility_off:")
def _decide(column: PersonalColumnInfo, *, is_personal: bool) -> None:
    name = literal(column.column)
    if is_personal:
        st.markdown(f"**{name}** stays masked, in this version and in later ones.")
    else:
        st.markdown(f"**{name}** is shown to everybody, in this version and in later ones.")
    reason = reason_input("personal_reason")
    data = workspace().data
    command = data.mark_personal if is_personal else data.reject_personal
    decide = partial(command, column.dataset, column.column, reason=reason)
    verb = "Confirm" if is_personal else "Reject"
    missing = "" if reason else "Give a reason first"
    if dialog_buttons(verb, "personal", missing=missing) and run_or_show_error(decide):
        toast_next(f"{column.column} is {'confirmed' if is_personal else 'rejected'}")
        st.rerun()


@st.dialog("Mark a column", icon=":material/visibility_off:")
def _mark(version: DatasetVersionInfo) -> None:
    st.markdown("The column is masked on screens and in exports, and an erasure looks into it.")
    column = st.selectbox("Column", version.column_names, key="personal_column")
    kinds = dict(personal_kinds.items())
    kind = st.selectbox(
        "Kind", list(kinds), index=list(kinds).index("identifier"),
        format_func=lambda name: kinds[name].title, key="personal_kind",
    )  # fmt: skip
    st.markdown(f":small[:gray[{kinds[kind].description}]]")
    reason = reason_input("personal_mark_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Mark", "personal_mark_dialog", missing=missing) and run_or_show_error(
        lambda: workspace().data.mark_personal(version.dataset, column, kind, reason)
    ):
        toast_next(f"{column} is marked")
        st.rerun()


def _find(version: DatasetVersionInfo) -> None:
    columns: list[str] = []
    if run_or_show_error(lambda: columns.extend(workspace().data.find_personal(version.ref))):
        toast_next(f"{title(plural(len(columns), 'column'))} proposed" if columns else
                   "Nothing new was found")  # fmt: skip
        st.rerun()
