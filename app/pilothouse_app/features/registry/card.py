"""The model card of a version: read, written, confirmed for this version, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.registry.cards.card_fields import SECTIONS
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.fact_sheet import fact_sheet, sheet_downloads, written_form
from pilothouse_app.components.formats import ago
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.registry.cards.model_card import ModelCard
    from pilothouse.registry.info import VersionInfo


def card_view(version: VersionInfo) -> None:
    """The card with its buttons, as it is made from what is known now."""
    card = workspace().registry.card(version.model, version.version)
    with st.container(horizontal=True, vertical_alignment="center"):
        _state(card)
        st.space("stretch")
        if card.texts.carried_from is not None:
            _confirm_button(card)
        if st.button(
            "Edit card",
            type="secondary" if card.is_complete else "primary",
            icon=":material/edit:",
            key="card_edit",
        ):
            edit_dialog(card)
        name = f"{card.model}-{card.version}-card"
        sheet_downloads(card.markdown(), card.html(), name, key="card")
    fact_sheet(card.sheet, key="card")


def _state(card: ModelCard) -> None:
    texts = card.texts
    if texts.written_at is None:
        st.markdown(":gray[Nobody has written in this card yet.]")
        return
    who = f"{ago(texts.written_at)} by {literal(texts.written_by)}"
    if texts.carried_from is None:
        st.markdown(f":gray[Revision {texts.revision}, saved {who}]")
    else:
        st.markdown(
            f":orange[:material/history: Texts of version {texts.carried_from}] :gray[, {who}]"
        )


def _confirm_button(card: ModelCard) -> None:
    if st.button(
        "Confirm texts",
        icon=":material/check:",
        help=f"Save what was written for version {card.texts.carried_from} for this version too",
        key="card_confirm",
    ) and run_or_show_error(lambda: workspace().registry.edit_card(card.model, card.version, {})):
        toast_next(f"The card of {card.ref} is confirmed")
        st.rerun()


@st.dialog("Edit the model card", width="large", icon=":material/edit:")
def edit_dialog(card: ModelCard) -> None:
    """What only people know; the rest of the card is made from evidence."""
    key = f"card_{card.ref}_{card.texts.revision}"
    changes = written_form(card.fields, card.texts.texts, SECTIONS, key)
    reason = reason_input(f"{key}_reason")
    missing = "" if changes else "No changes yet"
    if dialog_buttons("Save", key, missing=missing) and run_or_show_error(
        lambda: workspace().registry.edit_card(card.model, card.version, changes, reason)
    ):
        toast_next(f"The card of {card.ref} is saved")
        st.rerun()
