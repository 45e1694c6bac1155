"""What is put on a run the same way from its page and from the table: name, note, colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.run_annotations import COLOURS
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.formats import title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

Done = Callable[[str], None]  # says the words of what is done, and draws the page again
NONE = "none"


@st.dialog("Rename", icon=":material/edit:")
def rename(run: RunInfo, done: Done) -> None:
    """Give a run another name."""
    name = st.text_input("Name", run.name, live=True, key=f"run_name_{run.id}") or ""
    missing = "" if name.strip() else "Give a name first"
    if dialog_buttons("Rename", "run_rename", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.rename(run.id, name)
    ):
        done(f"{literal(run.name)} is {literal(name.strip())} now")


@st.dialog("Note", width="large", icon=":material/edit_note:")
def note(run: RunInfo, done: Done) -> None:
    """Write a run's note."""
    text = st.text_area(
        "Note, in Markdown", run.note, height=260, key=f"run_note_{run.id}",
        placeholder="What is worth knowing about this run",
    )  # fmt: skip
    if dialog_buttons("Save note", "run_note") and run_or_show_error(
        lambda: workspace().experiments.annotate(run.id, text or "")
    ):
        done(f"The note of {literal(run.name)} is saved")


def colour_input(key: str, chosen: str) -> str | None:
    """One of the colours, or None for no colour."""
    name = st.pills(
        "Colour",
        [*COLOURS, NONE],
        default=chosen,
        required=True,
        format_func=lambda colour: "No colour" if colour == NONE else title(colour),
        key=key,
    )
    return None if name == NONE else str(name)
