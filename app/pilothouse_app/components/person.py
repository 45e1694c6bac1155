"""The person who acts in this browser: chosen once, kept in a cookie, asked for where it is needed.

    missing, sign = signature("promote")        # draws the name's field when nobody is chosen
    st.button("Promote", disabled=bool(missing), help=missing, on_click=sign)

There is no sign-in: a name says who acts, and nobody verifies it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from urllib.parse import quote

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import PERSON, chosen_name, cookie_name, workspace

PENDING_COMMAND = "_command_without_person"
HELP = "Kept in this browser and written beside what you do. Names are not verified."


def person_button() -> None:
    """Who acts in this browser, in the menu; pressing it chooses somebody else."""
    _keep_in_browser()
    name = chosen_name()
    label = f":blue-badge[{literal(_initials(name))}] {literal(name)}"
    if st.button(
        label if name else "Choose your name",
        icon=None if name else ":material/person_add:",
        type="tertiary",
        key="person",
        help="What you do is signed with this name. Press to change it." if name else HELP,
    ):
        _choose_dialog()


def signature(key: str) -> tuple[str, Callable[[], None]]:
    """Ask for the person's name where nobody is chosen yet.

    Returns what is missing, empty when nothing is, and the callback of the button that acts.
    """
    if chosen_name():
        return "", _nothing
    field = f"{key}_person"
    name = _name_field(field)
    missing = "" if name else "Give your name first"

    def sign() -> None:
        choose(st.session_state.get(field) or name)

    return missing, sign


def ask_before(command: Callable[[], object]) -> bool:
    """Whether nobody is chosen: then the shell asks for the name and runs the command after it."""
    if chosen_name():
        return False
    st.session_state[PENDING_COMMAND] = command
    return True


def ask_for_pending() -> None:
    """Ask for the name that a pressed command waits for; the shell calls it on every run."""
    if PENDING_COMMAND in st.session_state:
        _pending_dialog()


def choose(name: str | None) -> bool:
    """Act as this person in this browser; an unknown name becomes a person."""
    chosen = " ".join((name or "").split())
    people = workspace().people
    try:
        if chosen not in {person.name for person in people.people()}:
            workspace().acting_as(chosen).people.add(chosen)
    except PilothouseError as refusal:
        toast_next(literal(str(refusal)), icon=":material/error:")
        return False
    st.session_state[PERSON] = chosen
    return True


def _nothing() -> None:
    """What a button does before its command when somebody is chosen."""


def _initials(name: str) -> str:
    parts = name.split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper()


def _name_field(key: str) -> str:
    names = [person.name for person in workspace().people.people()]
    typed = st.selectbox(
        "Your name",
        names,
        index=None,
        accept_new_options=True,
        placeholder="Choose your name, or type a new one" if names else "Type your name",
        help=HELP,
        key=key,
    )
    return (typed or "").strip()


@st.dialog("Who are you?", width="small", icon=":material/account_circle:", on_dismiss="rerun")
def _choose_dialog() -> None:
    name = _name_field("choose_person")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="choose_person_cancel"):
            st.rerun()
        pressed = st.button(
            "Choose",
            type="primary",
            disabled=not name,
            help=None if name else "Give your name first",
            key="choose_person_go",
        )
    if pressed and choose(name):
        toast_next(f"You act as {literal(name)} in this browser")
        st.rerun()


def _drop_pending() -> None:
    st.session_state.pop(PENDING_COMMAND, None)


@st.dialog(
    "Who are you?", width="small", icon=":material/account_circle:", on_dismiss=_drop_pending
)
def _pending_dialog() -> None:
    st.markdown("What you pressed is signed with your name.")
    name = _name_field("pending_person")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="pending_person_cancel"):
            _drop_pending()
            st.rerun()
        pressed = st.button(
            "Continue",
            type="primary",
            disabled=not name,
            help=None if name else "Give your name first",
            key="pending_person_go",
        )
    if pressed and choose(name):
        _run_pending()
        st.rerun()


def _run_pending() -> None:
    command = st.session_state.pop(PENDING_COMMAND)
    try:
        command()
    except PilothouseError as refusal:
        toast_next(literal(str(refusal)), icon=":material/error:")
    else:
        toast_next(f"Done, signed by {literal(chosen_name())}")


def _keep_in_browser() -> None:
    """Hand the name to `static/shell.js`, which keeps it as a cookie of this browser."""
    name = st.session_state.get(PERSON)
    if name is not None and name != cookie_name():
        value = html.escape(quote(name, safe=""), quote=True)
        st.html(f'<span class="pilothouse-person" data-name="{value}"></span>')
