"""What people put on a run from its page: star, colour, name, note, tags; archive and restore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from pilothouse.experiments.run_annotations import COLOUR, STARRED
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_from_callback, run_or_show_error
from pilothouse_app.components.formats import title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.run_dialogs import NONE, colour_input, note, rename

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

# Marks, and what the page says in a place of its own or a client keeps for itself.
HIDDEN_TAGS = (
    *(STARRED, COLOUR, "mlflow.runName", "mlflow.parentRunId", "mlflow.note.content"),
    *("mlflow.loggedArtifacts", "mlflow.log-model.history"),
)
# Streamlit's names for the colours of a run, where it has them.
BADGES = {"amber": "yellow", "grey": "gray", "teal": "green"}


def visible_tags(run: RunInfo) -> dict[str, str]:
    """The tags that the page shows nowhere else."""
    return {key: value for key, value in run.tags.items() if key not in HIDDEN_TAGS}


def colour_badge(run: RunInfo) -> None:
    """The colour that people gave the run, by its name."""
    if chosen := run.tags.get(COLOUR):
        st.badge(title(chosen), color=BADGES.get(chosen, chosen), icon=":material/circle:")  # type: ignore[arg-type]  # a colour


def star_button(run: RunInfo) -> None:
    """The star, filled when it is on; a press turns it."""
    starred = run.tags.get(STARRED) == "yes"
    st.button(
        ":orange[★]" if starred else "☆",
        type="tertiary",
        key="run_star",
        disabled=run.archived_at is not None,
        help="Remove star" if starred else "Star this run",
        on_click=_star,
        args=(run.id, not starred),
    )


def _star(run_id: str, starred: bool) -> None:
    if run_from_callback(lambda: workspace().experiments.star([run_id], starred)):
        toast_next("Starred" if starred else "Star removed")


def actions_menu(run: RunInfo) -> None:
    """What else can be done with a run, in one menu."""
    if run.archived_at is not None:
        if st.button("Restore", icon=":material/unarchive:", key="run_restore"):
            _restore(run)
        return
    picked = st.menu_button(
        "More",
        list(_COMMANDS),
        icon=":material/more_horiz:",
        format_func=lambda name: f"{_COMMANDS[name][0]} {name}",
        key="run_more",
    )
    if picked:
        _COMMANDS[picked][1](run)


def note_button(run: RunInfo) -> None:
    """Opens the note in an editor."""
    if st.button("Edit", icon=":material/edit:", type="tertiary", key="run_note_edit"):
        note(run, _done)


def tags_button(run: RunInfo) -> None:
    """Opens the tags in an editor."""
    if run.archived_at is None and st.button(
        "Edit", icon=":material/edit:", type="tertiary", key="run_tags_edit"
    ):
        _tags(run)


@st.dialog("Colour", icon=":material/palette:")
def _colour(run: RunInfo) -> None:
    name = colour_input(f"run_colour_{run.id}", run.tags.get(COLOUR, NONE))
    if dialog_buttons("Apply", "run_colour") and run_or_show_error(
        lambda: workspace().experiments.colour([run.id], name)
    ):
        _done(f"{run.name}: {name or 'no colour'}")


@st.dialog("Tags", width="large", icon=":material/sell:")
def _tags(run: RunInfo) -> None:
    st.markdown("Type into the last row to add a tag; tick a row and press Delete to remove it.")
    before = visible_tags(run)
    edited = st.data_editor(
        pd.DataFrame({"Tag": list(before), "Value": list(before.values())}, dtype="object"),
        num_rows="dynamic",
        hide_index=True,
        key=f"run_tags_editor_{run.id}",
        alt="Tags to edit",
    )

    after = {
        str(row["Tag"]).strip(): str(row["Value"] or "")
        for row in edited.to_dict("records")
        if str(row["Tag"] or "").strip()
    }
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    removed = [key for key in before if key not in after]
    missing = "" if changed or removed else "No changes yet"
    if dialog_buttons("Save tags", "run_tags", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.tag_many([run.id], changed, removed)
    ):
        _done("The tags are saved")


def _archive(run: RunInfo) -> None:
    confirm(
        "Archive this run",
        f"**{literal(run.name)}** will be hidden from tables and counts. No data is deleted: "
        "this page stays available, and the run can be restored here.",
        verb="Archive",
        command=lambda reason: workspace().experiments.archive(run.id, reason),
        done=f"{run.name} is archived",
        icon=":material/archive:",
    )


def _restore(run: RunInfo) -> None:
    confirm(
        "Restore this run",
        f"**{literal(run.name)}** will appear in tables and counts again.",
        verb="Restore",
        command=lambda _reason: workspace().experiments.restore(run.id),
        done=f"{run.name} is restored",
        needs_reason=False,
        icon=":material/unarchive:",
    )


def _done(message: str) -> None:
    toast_next(message)
    st.rerun()


_COMMANDS: Mapping[str, tuple[str, Callable[[RunInfo], None]]] = {
    "Note": (":material/edit_note:", partial(note, done=_done)),
    "Rename": (":material/edit:", partial(rename, done=_done)),
    "Colour": (":material/palette:", _colour),
    "Tags": (":material/sell:", _tags),
    "Archive": (":material/archive:", _archive),
}
