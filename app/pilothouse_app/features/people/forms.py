"""Adding and changing a person: name, e-mail, rights, and whether they decide here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.people.rights import EDIT_POLICIES, RIGHTS
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.people import PersonInfo

NO_RIGHT = "Only people with the right to edit policies and people give rights"


def rights_text(rights: Sequence[str]) -> str:
    """Rights as words."""
    return ", ".join(title(right) for right in rights) or "none"


@st.dialog("Add a person", width="small", icon=":material/person_add:", on_dismiss="rerun")
def add_dialog() -> None:
    """Name, e-mail and rights; the first person of a workspace has every right."""
    people = workspace().people
    first = not people.people(inactive=True)
    name = (st.text_input("Name", live=True, key="person_name") or "").strip()
    email = (st.text_input("E-mail", placeholder="Optional", key="person_email") or "").strip()
    if first:
        st.markdown(":gray[The first person has every right.]")
        rights: list[str] | None = None
    else:
        rights = _rights_input([], disabled=not people.may(EDIT_POLICIES))
    missing = "" if name else "Give a name first"
    if dialog_buttons("Add", "person_add", missing=missing) and run_or_show_error(
        lambda: workspace().people.add(name, email, rights)
    ):
        toast_next(f"{literal(name)} is added")
        st.rerun()


@st.dialog("Change a person", width="small", icon=":material/person_edit:", on_dismiss="rerun")
def change_dialog(person: PersonInfo) -> None:
    """E-mail, rights and whether the person decides here; own e-mail needs no right."""
    people = workspace().people
    may = people.may(EDIT_POLICIES)
    st.markdown(f"**{literal(person.name)}**")
    email = st.text_input("E-mail", value=person.email, key="person_new_email") or ""
    rights = _rights_input(person.rights, disabled=not may)
    active = st.toggle(
        "Decides here",
        value=person.active,
        help="Those who have left keep their decisions and take no new ones",
        disabled=not may,
        key="person_active",
    )
    reason = reason_input("person_reason")
    changes = {
        "email": email.strip() if email.strip() != person.email else None,
        "rights": rights if list(rights) != list(person.rights) else None,
        "active": active if active != person.active else None,
    }
    missing = "" if any(value is not None for value in changes.values()) else "Change something"
    if dialog_buttons("Change", "person_change", missing=missing) and run_or_show_error(
        lambda: workspace().people.change(person.name, reason=reason, **changes)  # type: ignore[arg-type]  # each value has the type of its name
    ):
        toast_next(f"{literal(person.name)} is changed")
        st.rerun()


def _rights_input(rights: Sequence[str], *, disabled: bool) -> list[str]:
    chosen = st.multiselect(
        "Rights",
        list(RIGHTS),
        default=list(rights),
        format_func=title,
        placeholder="None",
        disabled=disabled,
        help=NO_RIGHT if disabled else "\n".join(f"- {text}" for text in RIGHTS.values()),
        key="person_rights",
    )
    return [right for right in RIGHTS if right in chosen]
