"""Saved views of the run table: open, save, and share with the team."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.state import State, from_params, set_state, to_params

if TYPE_CHECKING:
    from pilothouse.experiments.run_table.saved_views import ViewInfo

OPENED = "_runs_view"
SAVE, SAVE_AS, DEFAULT, NO_DEFAULT, RENAME, DELETE, ALL = (
    "Save changes",
    "Save as …",
    "Set as default view",
    "Unset as default view",
    "Rename …",
    "Delete …",
    "All runs",
)
ICONS = {
    SAVE: ":material/save:",
    SAVE_AS: ":material/save_as:",
    DEFAULT: ":material/home_pin:",
    NO_DEFAULT: ":material/home_pin:",
    RENAME: ":material/edit:",
    DELETE: ":material/delete:",
    ALL: ":material/select_all:",
}


def saved_params(state: State) -> dict[str, str]:
    """The parameters that a view stores: all of the state but the page and the open runs."""
    return to_params(replace(state, page=1, open=()))


def views_menu(state: State) -> None:
    """The menu of views, labelled with the open one; an asterisk marks unsaved changes."""
    views = {view.id: view for view in workspace().experiments.views()}
    opened = _current_view(views, state)
    changed = opened is not None and from_params(opened.state) != replace(state, page=1, open=())
    options: list[str | int] = [*_available_options(opened, changed), *views, ALL]
    picked = st.menu_button(
        _label(opened, changed),
        options,
        format_func=lambda option: _option_title(option, views),
        icon=":material/bookmark:",
        key="runs_views",
        help="Saved views: filter, columns, order, groups",
    )
    if picked is not None:
        _run_option(picked, opened, views, state)


def _current_view(views: Mapping[int, ViewInfo], state: State) -> ViewInfo | None:
    """The view that was opened in this session, or one that equals the address."""
    last = views.get(st.session_state.get(OPENED, 0))
    if last is not None:
        return last
    params = saved_params(state)
    return next(
        (view for view in views.values() if saved_params(from_params(view.state)) == params), None
    )


def _label(opened: ViewInfo | None, changed: bool) -> str:
    return "Views" if opened is None else f"{literal(opened.name)}{' *' if changed else ''}"


def _available_options(opened: ViewInfo | None, changed: bool) -> list[str]:
    if opened is None:
        return [SAVE_AS]
    default = NO_DEFAULT if opened.is_default else DEFAULT
    return [*([SAVE] if changed else []), SAVE_AS, default, RENAME, DELETE]


def _option_title(option: str | int, views: Mapping[int, ViewInfo]) -> str:
    if isinstance(option, str):
        return f"{ICONS[option]} {option}"
    view = views[option]
    icon = ":material/groups:" if view.is_team else ":material/bookmark:"
    return f"{icon} {literal(view.name)}{' (default)' if view.is_default else ''}"


def _run_option(
    picked: str | int, opened: ViewInfo | None, views: Mapping[int, ViewInfo], state: State
) -> None:
    experiments = workspace().experiments
    if isinstance(picked, int):
        _open(views[picked])
    elif picked == ALL:
        st.session_state.pop(OPENED, None)
        set_state(State())
        st.rerun()
    elif picked == SAVE_AS or opened is None:
        _save_as(state, opened)
    elif picked == SAVE:
        _run_and_toast(
            lambda: experiments.save_view(opened.name, saved_params(state), team=opened.is_team),
            "is saved",
            opened,
        )
    elif picked in (DEFAULT, NO_DEFAULT):
        on = picked == DEFAULT
        outcome = "is the default view" if on else "is no longer the default view"
        _run_and_toast(lambda: experiments.set_default_view(opened.id, on), outcome, opened)
    elif picked == RENAME:
        _rename(opened)
    else:
        _delete(opened)


def _open(view: ViewInfo) -> None:
    st.session_state[OPENED] = view.id
    set_state(from_params(view.state))
    st.rerun()


def _run_and_toast(command: Callable[[], object], outcome: str, view: ViewInfo) -> None:
    try:
        command()
    except PilothouseError as refusal:
        toast_next(literal(str(refusal)), icon=":material/error:")
    else:
        toast_next(f"{view.name} {outcome}")
    st.rerun()


@st.dialog("Save this view", icon=":material/bookmark_add:")
def _save_as(state: State, opened: ViewInfo | None) -> None:
    name = st.text_input("Name", key="view_name", live=True, placeholder="Best forests") or ""
    team = st.segmented_control(
        "For",
        [False, True],
        default=bool(opened and opened.is_team),
        format_func=lambda shared: "The team" if shared else "Myself",
        required=True,
        key="view_team",
    )

    start = st.toggle("Use as default view", key="view_start")
    taken = any(
        view.name == name.strip() and view.is_team == bool(team)
        for view in workspace().experiments.views()
    )
    if taken:
        st.markdown(
            ":orange[:material/warning:] A view with this name exists and will be replaced."
        )

    missing = "" if name.strip() else "Give a name first"
    if dialog_buttons("Save", "view", missing=missing) and run_or_show_error(
        lambda: _save(name, state, bool(team), start)
    ):
        toast_next(f"{name.strip()} is saved")
        st.rerun()


def _save(name: str, state: State, team: bool, start: bool) -> None:
    experiments = workspace().experiments
    view = experiments.save_view(name, saved_params(state), team=team)
    if start:
        experiments.set_default_view(view.id)
    st.session_state[OPENED] = view.id


@st.dialog("Rename this view", icon=":material/edit:")
def _rename(view: ViewInfo) -> None:
    name = st.text_input("Name", view.name, key=f"view_rename_{view.id}", live=True) or ""
    missing = "" if name.strip() else "Give a name first"
    if dialog_buttons("Rename", "view_rename", missing=missing) and run_or_show_error(
        lambda: workspace().experiments.rename_view(view.id, name)
    ):
        toast_next(f"{view.name} is {name.strip()} now")
        st.rerun()


@st.dialog("Delete this view", icon=":material/delete:")
def _delete(view: ViewInfo) -> None:
    whose = " for the whole team" if view.is_team else ""
    st.markdown(f"**{literal(view.name)}** will be deleted{whose}. Its runs are not affected.")
    if dialog_buttons("Delete", "view_delete") and run_or_show_error(
        lambda: workspace().experiments.delete_view(view.id)
    ):
        st.session_state.pop(OPENED, None)
        toast_next(f"{view.name} is deleted")
        st.rerun()
