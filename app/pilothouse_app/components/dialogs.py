"""Building blocks of command dialogs: reason, two buttons, and errors shown inside."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.person import ask_before, signature
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import chosen_name


def reason_input(key: str) -> str:
    """Ask for the reason of a command, which is recorded in the audit log."""
    typed = st.text_input(
        "Reason", placeholder="Recorded in the audit log (Activity)", live=True, key=key
    )
    return (typed or "").strip()


def dialog_buttons(verb: str, key: str, *, missing: str = "") -> bool:
    """Cancel and the command's own button, which is disabled while something is `missing`.

    Where nobody is chosen in this browser, the name is asked for above them.
    """
    nameless, sign = signature(key)
    missing = missing or nameless
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key=f"{key}_cancel"):
            st.rerun()
        pressed = st.button(
            verb,
            type="primary",
            disabled=bool(missing),
            help=missing or None,
            on_click=sign,
            key=f"{key}_go",
        )
    return pressed and chosen_name() != ""


def save_change(key: str, command: Callable[[str], object], *, changed: bool, done: str) -> None:
    """The end of a dialog that changes settings: the reason, and *Save* once something changed.

    `command` gets the reason; afterwards the dialog closes and `done` is said.
    """
    reason = reason_input(f"{key}_reason")
    missing = "" if reason else "Give a reason first"
    if not changed:
        missing = "Change something first"
    if dialog_buttons("Save", key, missing=missing) and run_or_show_error(lambda: command(reason)):
        toast_next(done)
        st.rerun()


def run_or_show_error(command: Callable[[], object]) -> bool:
    """Run a command; show its error in place and return False when it is refused."""
    try:
        command()
    except PilothouseError as refusal:
        error_box(refusal)
        return False
    return True


def run_from_callback(command: Callable[[], object]) -> bool:
    """Run a command from a callback; show its error as a toast and return False.

    Where nobody is chosen, the name is asked for first and the command runs after that: False too.
    """
    if ask_before(command):
        return False
    try:
        command()
    except PilothouseError as refusal:
        toast_next(literal(str(refusal)), icon=":material/error:")
        return False
    return True
