"""Erasure of an entity from the whole workspace: counted before, certified after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.people.rights import PERSONAL_DATA
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import ago, plural
from pilothouse_app.components.header import section
from pilothouse_app.components.links import address, go
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import chosen_name, workspace

if TYPE_CHECKING:
    from pilothouse.interop.erasures.entity_search import EntityPlaces

COUNTED = "_entity_counted"
MAX_LISTED = 5


def erase_button() -> None:
    """A button that opens the dialog."""
    if st.button(
        "Erase an entity",
        icon=":material/person_remove:",
        key="erase_entity",
        help="A person's rows, from all datasets, prediction logs, messages and uploads",
    ):
        _erase_dialog()


@st.dialog("Erase an entity", icon=":material/person_remove:", width="large")
def _erase_dialog() -> None:
    """Which value, where it is, and why; erased only after it was counted."""
    st.markdown(
        "Every row that has the value goes: from all dataset versions, which keep their numbers, "
        "and from prediction logs with labels and rewards. Messages that are set aside and waiting "
        "uploads that have it go whole. The value itself is stored nowhere."
    )
    value = (st.text_input("Value", live=True, key="entity_value") or "").strip()
    columns = tuple(
        st.multiselect(
            "Columns", [], accept_new_options=True, key="entity_columns",
            placeholder="Those with personal data, in every dataset",
            help="Name columns that are not marked as personal data, such as customer",
        )
    )  # fmt: skip
    if st.button("Count the rows", icon=":material/search:", disabled=not value,
                 help=None if value else "Say which value first", key="entity_count"):  # fmt: skip
        run_or_show_error(lambda: _count(value, columns))
    counted = st.session_state.get(COUNTED)
    places = counted[1] if counted is not None and counted[0] == (value, columns) else None
    if places is not None:
        _places(places)
    reason = reason_input("entity_reason")
    if dialog_buttons("Erase", "entity", missing=_missing(places, reason)):
        _start(value, columns, reason)
    _earlier()


def _count(value: str, columns: tuple[str, ...]) -> None:
    st.session_state[COUNTED] = ((value, columns), workspace().erasures.count(value, columns))


def _missing(places: EntityPlaces | None, reason: str) -> str:
    if places is None:
        return "Count the rows first"
    if not places.rows:
        return "The workspace has nothing of it in these columns"
    if chosen_name() and not workspace().people.may(PERSONAL_DATA):
        return "It needs the right personal_data"
    return "" if reason else "Give a reason first"


def _places(places: EntityPlaces) -> None:
    rows = [(item.ref, ", ".join(item.columns), item.rows) for item in places.datasets]
    rows += [
        (f"Log of {item.deployment}", item.column or "prediction id", item.rows)
        for item in places.logs
    ]
    rows += [("Messages that are set aside", "", len(places.messages))] if places.messages else []
    rows += [("Uploads", "", len(places.uploads))] if places.uploads else []
    if not rows:
        st.markdown("The workspace has nothing of it in the columns that were looked into.")
    else:
        frame = pd.DataFrame(rows, columns=["Where", "By", "Rows"]).astype(str).map(literal)
        st.table(frame, border="horizontal", hide_index=True, alt="Where it is")
        st.markdown(
            ":material/person_remove: They do not come back. Models that were trained on them "
            "stay, and the certificate names them; so do exported files and backups."
        )
    if places.unsearched:
        parts = "\n".join(f"- {literal(part)}" for part in places.unsearched[:MAX_LISTED])
        st.warning(parts, title="Cannot be searched", icon=":material/warning:")


def _start(value: str, columns: tuple[str, ...], reason: str) -> None:
    jobs: list[str] = []
    if run_or_show_error(lambda: jobs.append(workspace().erasures.start(value, reason, columns))):
        st.session_state.pop(COUNTED, None)
        toast_next("The rows are being erased")
        go(address("job", jobs[0]))


def _earlier() -> None:
    """The last erasures with their certificates."""
    frame = workspace().erasures.frame()
    if frame.empty:
        return
    section("Erasures", plural(len(frame), "erasure"))
    for row in records(frame.head(MAX_LISTED)):
        with st.container(horizontal=True, vertical_alignment="center"):
            state = f"{plural(row['rows'], 'row')} of datasets"
            is_complete = not pd.isna(row["completed_at"])
            text = state if is_complete else "not complete: its job makes the certificate"
            st.markdown(
                f"{ago(row['began_at'])} by {literal(row['by'])}: {literal(row['reason'])} "
                f":gray[{text}]"
            )
            if is_complete:
                _downloads(row["job"])


def _downloads(job: str) -> None:
    erasures = workspace().erasures
    text = json.dumps(erasures.certificate(job), indent=2, ensure_ascii=False)
    st.download_button(
        "Certificate", erasures.certificate_html(job), f"erasure-{job}.html", "text/html",
        icon=":material/verified:", key=f"entity_html_{job}", on_click="ignore",
    )  # fmt: skip
    st.download_button(
        "JSON", text, f"erasure-{job}.json", "application/json", key=f"entity_json_{job}",
        on_click="ignore", type="tertiary",
    )  # fmt: skip
