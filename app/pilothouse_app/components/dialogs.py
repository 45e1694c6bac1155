"""What the dialogs of larger commands are made of: reason, two buttons, a refusal shown inside."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next


def reason_input(key: str) -> str:
    """The reason, which whoever asks later finds in Activity."""
    typed = st.text_input(
        "Reason", placeholder="Shown in Activity, for whoever asks later", live=True, key=key
    )
    return (typed or "").strip()


def dialog_buttons(verb: str, key: str, *, missing: str = "") -> bool:
    """Cancel and the command's own button, which is disabled while something is `missing`."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}_cancel"):
            st.rerun()
        return st.button(
            verb, type="primary", disabled=bool(missing), help=missing or None, key=f"{key}_go"
        )


def run_or_show_error(command: Callable[[], object]) -> bool:
    """Give the command; when it is refused, say so in place and answer False."""
    try:
        command()
    except PilothouseError as refusal:
        error_box(refusal)
        return False
    return True


def run_from_callback(command: Callable[[], object]) -> bool:
    """Give a command from a callback; a refusal becomes a toast, and False."""
    try:
        command()
    except PilothouseError as refusal:
        toast_next(literal(str(refusal)), icon=":material/error:")
        return False
    return True
