"""Experiments: every run to find, order, mark, group and compare, at any number of them."""

from __future__ import annotations

import streamlit as st

from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.layout import styled_as_button
from pilothouse_app.components.links import compare, link, screen
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import ticked
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.bulk_actions import actions_menu
from pilothouse_app.features.experiments.columns import column_catalog, visible_columns
from pilothouse_app.features.experiments.filter_text import cached_count, count_or_error
from pilothouse_app.features.experiments.groups import group_run_filter, group_table
from pilothouse_app.features.experiments.import_dialog import import_button
from pilothouse_app.features.experiments.saved_views import views_menu
from pilothouse_app.features.experiments.state import State, current_state
from pilothouse_app.features.experiments.table import KEY, run_table
from pilothouse_app.features.experiments.toolbar import empty_run_table, run_toolbar
from pilothouse_app.features.pipelines.progress import running_jobs
from pilothouse_app.features.training.dialog import training_button

SCREEN = Screen(
    title="Experiments",
    path="experiments",
    icon=":material/science:",
    summary="Every run, to search, sort, group, mark, compare and open; new trainings start here.",
    section="Explore",
    order=20,
)

MAX_COMPARED = 10


def render() -> None:
    """Draw the page."""
    experiments = workspace().experiments
    state = current_state()
    run_filter = group_run_filter(state)
    matching, error = count_or_error(run_filter)
    total = matching if run_filter == RunFilter() else cached_count(RunFilter())
    if not total and state == State() and not experiments.count(RunFilter(archived=True)):
        _first_steps()
        return

    with header("Experiments", note=_count_note(matching, total, state)):
        views_menu(state)
        actions_menu(matching, lambda: experiments.ids(run_filter), state.archived)
        _compare_link()
        import_button()
        training_button()

    running_jobs(JOBS)
    catalog = column_catalog()
    run_toolbar(state, catalog, error)

    if not matching:
        empty_run_table(state, error)
    elif state.mode == "groups" and not state.in_group:
        group_table(state, catalog, visible_columns(state, catalog))
    else:
        run_table(state, catalog, run_filter, visible_columns(state, catalog), matching)


JOBS = ("train", "retrain", "demo_flights", "import_history", "export_runs")


def _count_note(matching: int, total: int, state: State) -> str:
    if state.archived:
        return f"{plural(matching, 'archived run')}"
    return plural(total, "run") if matching == total else f"{matching:,} of {plural(total, 'run')}"


def _first_steps() -> None:
    with header("Experiments"):
        import_button()
        training_button()
    if running_jobs(JOBS):
        return
    empty(
        "No runs yet",
        "Register a dataset, then train on it: every training becomes a run here.",
        icon=":material/science:",
        to=("Open data", screen("data")),
    )


def _compare_link() -> None:
    """A link once there is something to compare: the browser goes there and asks no page twice."""
    chosen, icon = ticked(KEY), ":material/compare_arrows:"
    label = f"Compare ({len(chosen)})" if chosen else "Compare"
    if 2 <= len(chosen) <= MAX_COMPARED:
        with styled_as_button("runs_compare"):
            link(compare(chosen), label, icon=icon)
    else:
        few = f"Tick 2 to {MAX_COMPARED} runs in the table"
        st.button(label, icon=icon, disabled=True, help=few, key="runs_too_few")
