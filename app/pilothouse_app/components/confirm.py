"""Confirmation of a command: its consequence, a reason, and the typed name when it is destructive.

    confirm("Promote to production", "**flights 3** replaces **flights 2**; traffic moves at once.",
            verb="Promote", command=lambda reason: ws.registry.promote("flights", 3, "production",
            reason), type_to_confirm="flights", done="flights 3 is in production")

Call it from the page when the opening button was pressed: `if st.button(...): confirm(...)`.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.links import PageAddress, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next


def confirm(
    title: str,
    consequence: str,
    *,
    verb: str,
    command: Callable[[str], object],
    done: str,
    icon: str = ":material/help:",
    type_to_confirm: str = "",
    needs_reason: bool = True,
    then: PageAddress | None = None,
) -> None:
    """Open the dialog. The command gets the reason and runs once; its error is shown inside."""

    @st.dialog(title, width="small", icon=icon, on_dismiss="rerun")
    def dialog() -> None:
        st.markdown(consequence)
        typed = _typed(type_to_confirm)
        reason = reason_input("confirm_reason") if needs_reason else ""
        ready = typed == type_to_confirm and bool(reason or not needs_reason)
        missing = "" if ready else _missing(typed == type_to_confirm)
        if dialog_buttons(verb, "confirm", missing=missing) and run_or_show_error(
            lambda: command(reason)
        ):
            toast_next(done)
            if then:
                go(then)
            st.rerun()

    dialog()


def _typed(name: str) -> str:
    if not name:
        return ""
    label = f"Type {literal(name)} to confirm"
    return (st.text_input(label, placeholder=name, live=True, key="confirm_typed") or "").strip()


def _missing(typed: bool) -> str:
    return "Give a reason first" if typed else "Type the name first"
