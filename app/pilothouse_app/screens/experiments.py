"""Experiments: every run to find, order, mark, group and compare, at any number of them."""

from __future__ import annotations

import streamlit as st

from pilothouse.experiments.run_table.filters import RunFilter
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural
from pilothouse_app.components.header import header
from pilothouse_app.components.layout import button_like
from pilothouse_app.components.links import compare, link, screen
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import ticked
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.bulk_actions import actions_menu
from pilothouse_app.features.experiments.columns import catalog, shown_columns
from pilothouse_app.features.experiments.filter_text import count_of, counted
from pilothouse_app.features.experiments.groups import filter_of_group, group_rows
from pilothouse_app.features.experiments.import_dialog import import_button
from pilothouse_app.features.experiments.saved_views import views_menu
from pilothouse_app.features.experiments.state import State, current
from pilothouse_app.features.experiments.table import KEY, run_rows
from pilothouse_app.features.experiments.toolbar import is_unfiltered, run_bar
from pilothouse_app.features.pipelines.progress import running
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
    room = workspace().experiments
    state = current()
    meant = filter_of_group(state)
    found, wrong = counted(meant)
    total = found if meant == RunFilter() else count_of(RunFilter())
    if not total and state == State() and not room.count(RunFilter(archived=True)):
        _first_steps()
        return
    with header("Experiments", note=_counted(found, total, state)):
        views_menu(state)
        actions_menu(found, lambda: room.ids(meant), state.archived)
        _compare_link()
        import_button()
        training_button()
    running(JOBS)
    known = catalog()
    run_bar(state, known, wrong)
    if not found:
        is_unfiltered(state, wrong)
    elif state.mode == "groups" and not state.inside:
        group_rows(state, known, shown_columns(state, known))
    else:
        run_rows(state, known, meant, shown_columns(state, known), found)


JOBS = ("train", "retrain", "demo_flights", "import_mlflow")


def _counted(found: int, total: int, state: State) -> str:
    if state.archived:
        return f"{plural(found, 'archived run')}"
    return plural(total, "run") if found == total else f"{found:,} of {plural(total, 'run')}"


def _first_steps() -> None:
    with header("Experiments"):
        import_button()
        training_button()
    if running(JOBS):
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
        with button_like("runs_compare"):
            link(compare(chosen), label, icon=icon)
    else:
        few = f"Tick 2 to {MAX_COMPARED} runs in the table"
        st.button(label, icon=icon, disabled=True, help=few, key="runs_too_few")
