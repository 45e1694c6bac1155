"""The toolbar of the run table: search and filter in its first row, display options below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import count
from pilothouse_app.components.status import status_title
from pilothouse_app.features.experiments.columns import ColumnCatalog, columns_popover
from pilothouse_app.features.experiments.filter_builder import builder_button
from pilothouse_app.features.experiments.filter_text import filter_box, filter_error
from pilothouse_app.features.experiments.groups import breadcrumb, group_by
from pilothouse_app.features.experiments.state import (
    ARCHIVE,
    MODES,
    SHOW_OPTIONS,
    STAR,
    State,
    on_widget_change,
    sync_widget,
    update_state,
)

if TYPE_CHECKING:
    from pilothouse.kit.errors import Invalid

MODE_TITLES = {"list": "List", "tree": "Tree", "groups": "Groups"}
SHOW_TITLES = {STAR: "Starred", ARCHIVE: "Archived"}
INDENT = "\u2003"


def run_toolbar(state: State, catalog: ColumnCatalog, error: Invalid | None) -> None:
    """Draw both rows."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _text(state)
        filter_box(state)
        builder_button(state, catalog)

    filter_error(error)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _experiment(state, catalog)
        _show(state)
        st.segmented_control(
            "View",
            MODES,
            format_func=MODE_TITLES.__getitem__,
            key=sync_widget("runs_mode", state.mode),
            required=True,
            on_change=on_widget_change,
            args=("runs_mode", "mode"),
            label_visibility="collapsed",
        )
        columns_popover(state, catalog)
        if state.mode == "groups":
            group_by(state, catalog)

    breadcrumb(state, catalog)


def empty_run_table(state: State, error: Invalid | None) -> None:
    """The empty state of the table: of the archive, of a filter, of an invalid filter."""
    if error is not None:
        empty("The filter cannot be used", "The error is shown below the filter.", key="nothing",
              icon=":material/filter_alt_off:")  # fmt: skip
        return
    if state == State(show=ARCHIVE):
        empty("The archive is empty", "Archived runs appear here.", key="nothing",
              icon=":material/archive:")  # fmt: skip
        return
    empty(
        "No runs match",
        "Clear the search or a filter to see more.",
        icon=":material/filter_alt_off:",
        action=("Clear all", lambda: _clear(state)),
        key="nothing",
    )


def _clear(state: State) -> None:
    update_state(text="", filter="", experiment="", show="", within=())
    st.rerun()


def _text(state: State) -> None:
    st.text_input(
        "Search",
        key=sync_widget("runs_text", state.text),
        placeholder="Name, id, trainer or note",
        type="search",
        label_visibility="collapsed",
        width=220,
        on_change=on_widget_change,
        args=("runs_text", "text", lambda typed: (typed or "").strip()),
    )


def _experiment(state: State, catalog: ColumnCatalog) -> None:
    """The experiments as a tree: a node selects its experiment and all below it."""
    nodes = {node.path: node for node in catalog.nodes}

    def option_title(path: str) -> str:
        node = nodes.get(path)
        if node is None:
            return path
        return f"{INDENT * node.level}{node.name}  ({count(node.runs)})"

    options = [*nodes, *([state.experiment] if state.experiment not in ("", *nodes) else [])]
    st.selectbox(
        "Experiment",
        options,
        index=None,
        key=sync_widget("runs_experiment", state.experiment or None),
        placeholder="All experiments",
        format_func=option_title,
        label_visibility="collapsed",
        width=210,
        on_change=on_widget_change,
        args=("runs_experiment", "experiment", lambda path: path or "", options),
    )


def _show(state: State) -> None:
    st.selectbox(
        "Show",
        SHOW_OPTIONS,
        index=None,
        key=sync_widget("runs_show", state.show or None),
        placeholder="All runs",
        format_func=lambda name: SHOW_TITLES.get(name) or status_title(name),
        label_visibility="collapsed",
        width=132,
        on_change=on_widget_change,
        args=("runs_show", "show", lambda name: name or "", SHOW_OPTIONS),
    )
