"""Commands for runs: for the ticked ones, or for all that the filter finds.

Each dialog keeps the ids it was opened for, so that what is confirmed is what was counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.run_annotations import COLOURS, MAX_RUNS
from pilothouse_app.components.dialogs import dialog_buttons, reason_input, run_or_show_error
from pilothouse_app.components.formats import count, plural
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import ticked, untick
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.export_dialog import export_form
from pilothouse_app.features.experiments.run_dialogs import Done, colour_input, note, rename

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo

TABLE = "runs"
SWATCHES: Mapping[str, str] = {
    "blue": "#3B82F6",
    "orange": "#F97316",
    "green": "#22A565",
    "violet": "#8B5CF6",
    "red": "#E5484D",
    "teal": "#12A594",
    "amber": "#E2A000",
    "grey": "#8B95A3",
}
TICKED, ALL, WHOLE = "ticked", "all", "whole"


@dataclass(frozen=True)
class Scope:
    """Whom a command may be for: the ticked runs, and the newest that the filter finds."""

    ticked: tuple[str, ...]
    matching: tuple[str, ...]
    total: int


def actions_menu(total: int, read_ids: Callable[[], Sequence[str]], archived: bool) -> None:
    """The menu of commands; `read_ids` reads the ids that match the filter when one is opened."""
    offered = _ARCHIVE_COMMANDS if archived else _COMMANDS
    picked = st.menu_button(
        "Actions",
        list(offered),
        format_func=lambda name: f"{offered[name][0]} {name}",
        icon=":material/checklist:",
        key="runs_actions",
        disabled=not total,
        help="For the ticked runs, or for all that match",
    )
    if picked:
        offered[picked][1](Scope(tuple(ticked(TABLE)), tuple(read_ids()), total))


def _runs_input(scope: Scope, key: str, *, whole: bool = False) -> list[str]:
    """Ask for whom: the ticked ones unless none is; whole experiments have no list of runs."""
    labels = {
        WHOLE: "Whole experiments",
        TICKED: f"{count(len(scope.ticked))} ticked",
        ALL: f"All {count(scope.total)} matching"
        if scope.total <= MAX_RUNS
        else f"The newest {count(MAX_RUNS)} of {count(scope.total)} matching",
    }

    offered = [*([TICKED] if scope.ticked else []), ALL, *([WHOLE] if whole else [])]
    chosen = st.segmented_control(
        "For",
        offered,
        default=offered[0],
        format_func=labels.__getitem__,
        required=True,
        key=f"{key}_scope",
    )

    if chosen == WHOLE:
        return []
    return list(scope.ticked if chosen == TICKED else scope.matching)


def _done(message: str) -> None:
    untick(TABLE)
    toast_next(message)
    st.rerun()


@st.dialog("Star", icon=":material/star:")
def _star(scope: Scope) -> None:
    runs = _runs_input(scope, "star")
    choice = st.segmented_control(
        "Star", [True, False], default=True, required=True, key="star_on",
        format_func=lambda on: "Add star" if on else "Remove star",
    )  # fmt: skip
    if dialog_buttons("Apply", "star") and run_or_show_error(
        lambda: workspace().experiments.star(runs, bool(choice))
    ):
        _done(f"{plural(len(runs), 'run')} {'starred' if choice else 'unstarred'}")


@st.dialog("Colour", icon=":material/palette:")
def _colour(scope: Scope) -> None:
    runs = _runs_input(scope, "colour")
    name = colour_input("colour_name", COLOURS[0])
    if dialog_buttons("Apply", "colour") and run_or_show_error(
        lambda: workspace().experiments.colour(runs, name)
    ):
        _done(f"{plural(len(runs), 'run')}: {name or 'no colour'}")


@st.dialog("Tags", icon=":material/sell:")
def _tag(scope: Scope) -> None:
    runs = _runs_input(scope, "tag")
    keys = workspace().experiments.tag_keys()
    left, right = st.columns(2)

    with left:
        key = st.selectbox(
            "Set the tag", keys, index=None, accept_new_options=True,
            placeholder="Choose or type a key", key="tag_key",
        )  # fmt: skip

    with right:
        value = st.text_input("to the value", key="tag_value", live=True)
    remove = st.multiselect("Remove", keys, placeholder="Tags to remove", key="tag_remove")
    tags = {str(key): value or ""} if key else {}
    missing = "" if tags or remove else "Choose a tag first"
    if dialog_buttons("Apply", "tag", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.tag_many(runs, tags, remove)
    ):
        _done(f"{plural(len(runs), 'run')} tagged")


def _for_one(dialog: Callable[[RunInfo, Done], None], scope: Scope) -> None:
    """Open a dialog about one run, or ask to tick exactly one."""
    if len(scope.ticked) == 1:
        dialog(workspace().experiments.run(scope.ticked[0]), _done)
    else:
        _choose_one_run()


@st.dialog("Which run?", icon=":material/check_box:")
def _choose_one_run() -> None:
    st.markdown("Tick exactly one run in the table, then choose this command again.")


@st.dialog("Export", icon=":material/ios_share:", width="large")
def _export(scope: Scope) -> None:
    runs = _runs_input(scope, "export", whole=True)
    experiments: list[str] = []
    if not runs:
        names = workspace().experiments.experiments()["name"].tolist()
        experiments = st.multiselect("Experiments", names, key="export_experiments")
    export_form(runs, experiments)


@st.dialog("Archive", icon=":material/archive:")
def _archive(scope: Scope) -> None:
    runs = _runs_input(scope, "archive")
    st.markdown(
        f"**{plural(len(runs), 'run')}** will be hidden from tables and counts. No data is "
        "deleted: filter by **Archived** to see and restore them."
    )
    reason = reason_input("archive_reason")
    missing = "" if reason else "Give a reason first"
    if dialog_buttons("Archive", "archive", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.archive_many(runs, reason)
    ):
        _done(f"{plural(len(runs), 'run')} archived")


@st.dialog("Restore", icon=":material/unarchive:")
def _restore(scope: Scope) -> None:
    runs = _runs_input(scope, "restore")
    st.markdown(f"**{plural(len(runs), 'run')}** will appear in tables and counts again.")
    if dialog_buttons("Restore", "restore") and run_or_show_error(
        lambda: workspace().experiments.restore_many(runs)
    ):
        _done(f"{plural(len(runs), 'run')} restored")


@st.dialog("Delete permanently", icon=":material/delete_forever:")
def _delete(scope: Scope) -> None:
    runs = _runs_input(scope, "delete")
    st.markdown(
        f"**{plural(len(runs), 'run')}** and the runs under them will be deleted with their "
        "metrics, parameters, tags and files. **This cannot be undone.** If a model version "
        "depends on one of them, nothing is deleted."
    )

    expected = f"delete {count(len(runs))}"
    typed = st.text_input(
        f"Type {literal(expected)} to confirm", placeholder=expected, live=True, key="delete_as"
    )
    reason = reason_input("delete_reason")
    missing = "" if typed == expected else f"Type {expected} first"
    missing = missing or ("" if reason else "Give a reason first")
    if dialog_buttons("Delete permanently", "delete", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.delete(runs, reason)
    ):
        _done(f"{plural(len(runs), 'run')} deleted")


_COMMANDS: Mapping[str, tuple[str, Callable[[Scope], None]]] = {
    "Star": (":material/star:", _star),
    "Colour": (":material/palette:", _colour),
    "Tags": (":material/sell:", _tag),
    "Rename": (":material/edit:", partial(_for_one, rename)),
    "Note": (":material/edit_note:", partial(_for_one, note)),
    "Export": (":material/ios_share:", _export),
    "Archive": (":material/archive:", _archive),
}
_ARCHIVE_COMMANDS: Mapping[str, tuple[str, Callable[[Scope], None]]] = {
    "Restore": (":material/unarchive:", _restore),
    "Delete permanently": (":material/delete_forever:", _delete),
}
