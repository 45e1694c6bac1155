"""The view of a fact sheet that people complete: who wrote it, its buttons, its form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from pilothouse.kit.fact_sheets.fact_sheet import FactSheet, WrittenField
from pilothouse.kit.fact_sheets.written_texts import WrittenTexts
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.fact_sheet import fact_sheet, sheet_downloads, written_form
from pilothouse_app.components.formats import ago
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next


@dataclass(frozen=True)
class SheetView:
    """A sheet with its `noun` ("card"), of `ref`; `save` takes changed texts and a reason.

    `sections` are the titles of the sections by key, `filename` is that of a download without its
    ending.
    """

    noun: str
    ref: str
    sheet: FactSheet
    texts: WrittenTexts
    fields: Sequence[WrittenField]
    sections: Mapping[str, str]
    markdown: Callable[[], str]
    html: Callable[[], bytes]
    filename: str
    save: Callable[[Mapping[str, str], str], object]


def sheet_view(view: SheetView) -> None:
    """The sheet with its buttons."""
    with st.container(horizontal=True, vertical_alignment="center"):
        _state(view)
        st.space("stretch")
        if view.texts.carried_from is not None:
            _confirm_button(view)
        if st.button(
            f"Edit {view.noun}",
            type="secondary" if view.sheet.is_complete else "primary",
            icon=":material/edit:",
            key=f"{view.noun}_edit",
        ):
            edit_dialog(view)
        sheet_downloads(view.markdown, view.html, view.filename, key=view.noun)
    fact_sheet(view.sheet, key=view.noun)


def _state(view: SheetView) -> None:
    texts = view.texts
    if texts.written_at is None:
        st.markdown(f":gray[Nobody has written in this {view.noun} yet.]", width="content")
        return
    who = f"{ago(texts.written_at)} by {literal(texts.written_by)}"
    if texts.carried_from is None:
        st.markdown(f":gray[Revision {texts.revision}, saved {who}]", width="content")
        return
    source = f":orange[:material/history: Texts of version {texts.carried_from}]"
    st.markdown(f"{source} :gray[saved {who}]", width="content")


def _confirm_button(view: SheetView) -> None:
    if st.button(
        "Confirm texts",
        icon=":material/check:",
        help=f"Save what was written for version {view.texts.carried_from} for this version too",
        key=f"{view.noun}_confirm",
    ) and run_or_show_error(lambda: view.save({}, "")):
        toast_next(f"The {view.noun} of {view.ref} is confirmed")
        st.rerun()


def edit_dialog(view: SheetView) -> None:
    """The form of what only people know; the rest of the sheet is made from evidence."""

    @st.dialog(
        f"Edit the {view.noun} of {literal(view.ref)}", width="large", icon=":material/edit:"
    )
    def _dialog() -> None:
        key = f"{view.noun}_{view.ref}_{view.texts.revision}"
        changes = written_form(view.fields, view.texts.texts, view.sections, key)
        reason = reason_input(f"{key}_reason")
        missing = "" if changes else "No changes yet"
        if dialog_buttons("Save", key, missing=missing) and run_or_show_error(
            lambda: view.save(changes, reason)
        ):
            toast_next(f"The {view.noun} of {view.ref} is saved")
            st.rerun()

    _dialog()
