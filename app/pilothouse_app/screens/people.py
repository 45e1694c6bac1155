"""People: who decides here, and which rights each of them has."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import (
    name_column,
    status_column,
    table,
    text_column,
    ticked,
    when_column,
)
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import chosen_name, workspace
from pilothouse_app.features.people.forms import add_dialog, change_dialog, rights_text

SCREEN = Screen(
    title="People",
    path="people",
    icon=":material/group:",
    summary="Who decides here, and their rights",
    section="Govern",
    order=40,
)
TABLE = "people"
COLUMNS = {
    "name": name_column("Name", width=190),
    "state": status_column("State", width=96),
    "rights": text_column("Rights", width=260),
    "email": text_column("E-mail", width=190),
    "created_at": when_column("Added", width=120),
    "created_by": text_column("Added by", width=130),
}


def render() -> None:
    """The list; names are chosen in the menu."""
    people = workspace().people.people(inactive=True)
    active = [person for person in people if person.active]
    with header("People", note=plural(len(active), "person", "people")):
        by_name = {person.name: person for person in people}
        chosen = [by_name[name] for name in ticked(TABLE) if name in by_name]
        if people and st.button(
            "Change",
            icon=":material/person_edit:",
            key="change_person",
            disabled=len(chosen) != 1,
            help=None if len(chosen) == 1 else "Tick one row of the table first",
        ):
            change_dialog(chosen[0])
        if st.button("Add a person", type="primary", icon=":material/person_add:", key="add"):
            add_dialog()
    if not people:
        empty(
            "Nobody has a name yet",
            "Decisions are signed by people. The first one has every right, and one person alone "
            "may decide everything.",
            icon=":material/group:",
        )
        return

    if len(active) == 1:
        st.caption(f"{active[0].name} is alone here and may decide everything.")
    rows = [
        {
            "id": person.name,
            "name": person.name + (" (you)" if person.name == chosen_name() else ""),
            "state": "active" if person.active else "left",
            "rights": rights_text(person.rights),
            "email": person.email,
            "created_at": person.created_at,
            "created_by": person.created_by,
        }
        for person in people
    ]
    with table_height(TABLE, len(rows), reserve=12) as height:
        table(pd.DataFrame(rows), COLUMNS, key=TABLE, alt="People", select="one", height=height)
