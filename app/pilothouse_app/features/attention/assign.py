"""Who looks after a promotion or an alert: shown, and changed in place."""

from __future__ import annotations

import streamlit as st

from pilothouse_app.components.dialogs import run_from_callback
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

NOBODY = "Nobody"


def assignee_choice(kind: str, ref: str) -> None:
    """Whose it is, among the people who decide here; nothing where there are none."""
    people = [person.name for person in workspace().people.people()]
    if not people:
        return
    current = workspace().attention.assignee(kind, ref)
    options = [NOBODY, *dict.fromkeys([*people, *([current] if current else [])])]
    key = f"assignee_{kind}_{ref}_{current}"
    st.selectbox(
        "Assigned to",
        options,
        index=options.index(current) if current else 0,
        key=key,
        on_change=_assign,
        args=(kind, ref, key),
        width=220,
    )


def _assign(kind: str, ref: str, key: str) -> None:
    chosen = str(st.session_state[key])
    person = "" if chosen == NOBODY else chosen
    if run_from_callback(lambda: workspace().attention.assign(kind, ref, person)):
        toast_next(f"Assigned to {literal(person or 'nobody')}")
