"""Items that need a person: a line with a link to each, and commands to dismiss and restore."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.dialogs import (
    dialog_buttons,
    reason_input,
    run_from_callback,
    run_or_show_error,
)
from pilothouse_app.components.formats import plural
from pilothouse_app.components.links import ICONS, address, link
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.status import badge
from pilothouse_app.components.table import untick
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.attention import Item

TABLE = "attention"


def attention_line(item: Item) -> None:
    """One item on a line: where it leads, its state, and a button that dismisses it."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"
    ):
        link(address(item.kind, item.ref), literal(item_title(item)), icon=ICONS[item.kind])
        with st.container(
            horizontal=True, vertical_alignment="center", width="content", gap="xsmall"
        ):
            badge(item.state)
            st.button(
                ":material/close:",
                type="tertiary",
                key=f"dismiss_{_key(item.id)}",
                help=f"Dismiss: {item_title(item)}. It stays under Needs a person, Dismissed.",
                on_click=_dismiss,
                args=(item.id,),
            )


def item_title(item: Item) -> str:
    """What the item is about, and how often it happened."""
    return f"{item.title} ({item.count} times)" if item.count > 1 else item.title


def _key(item: str) -> str:
    return hashlib.blake2s(item.encode(), digest_size=6).hexdigest()


def _dismiss(item: str) -> None:
    if run_from_callback(lambda: workspace().attention.dismiss([item])):
        toast_next("Dismissed. It can be restored under Needs a person.")


@st.dialog("Dismiss", width="small", icon=":material/close:")
def dismiss_dialog(ids: Sequence[str]) -> None:
    """Dismiss items, with a reason for the audit log."""
    st.markdown(
        f"{plural(len(ids), 'item')} will be removed from the list until it happens again. "
        "Nothing else changes: no decision is made, no alert is resolved."
    )
    reason = reason_input("dismiss_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Dismiss", "dismiss_items", missing=missing) and run_or_show_error(
        lambda: workspace().attention.dismiss(ids, reason)
    ):
        untick(TABLE)
        toast_next(f"{plural(len(ids), 'item')} dismissed")
        st.rerun()


def restore_items(ids: Sequence[str]) -> None:
    """Restore dismissed items; call it from a callback."""
    if run_from_callback(lambda: workspace().attention.restore(ids)):
        untick(TABLE)
        toast_next(f"{plural(len(ids), 'item')} restored")
