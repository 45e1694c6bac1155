"""Experiments: the run table, paged and sorted by the core, and the way to train or compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse.experiments.metrics import metric_kind
from pilothouse.experiments.search import RunFilter
from pilothouse_app.parts.empty import empty, nothing_found
from pilothouse_app.parts.fill import fill
from pilothouse_app.parts.filters import choose, choose_one, filter_bar, pager, search
from pilothouse_app.parts.formats import plural, title
from pilothouse_app.parts.header import header
from pilothouse_app.parts.links import compare, go, screen
from pilothouse_app.parts.progress import running
from pilothouse_app.parts.runs import as_words, column_of, favourites, metric_title
from pilothouse_app.parts.screen import Screen
from pilothouse_app.parts.status import words
from pilothouse_app.parts.table import (
    name_column,
    number_column,
    status_column,
    table,
    text_column,
    ticked,
    untick,
    when_column,
)
from pilothouse_app.parts.training import training_button
from pilothouse_app.parts.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Experiments",
    path="experiments",
    icon=":material/science:",
    summary="Every run, to search, sort, compare and open; new trainings start here.",
    section="Explore",
    order=20,
)

SIZE = 50
STATES = ("running", "finished", "failed", "cancelled")
MOST_COMPARED = 10


def render() -> None:
    """Draw the page."""
    ws = workspace()
    total = ws.experiments.count(RunFilter())
    with header("Experiments", note=plural(total, "run")):
        if total:
            _compare_button()
        training_button()
    busy = running(("train", "retrain", "demo_flights"))
    if not total and not busy:
        empty(
            "No runs yet",
            "Register a dataset, then train on it: every training becomes a run here.",
            icon=":material/science:",
            to=("Open data", screen("data")),
        )
        return
    chosen, sort, columns = _filters()
    found = ws.experiments.count(chosen)
    if not found:
        nothing_found("runs")
        return
    _rows(chosen, sort, columns, found)


def _filters() -> tuple[RunFilter, str, list[str]]:
    ws = workspace()
    metrics, params = ws.experiments.metric_keys(), ws.experiments.param_keys()
    facets = ws.experiments.facets()
    with filter_bar():
        text = search("runs_q", "Name, id, trainer or note", resets="runs_page", width=230)
        experiment = choose(
            "experiment", facets["experiment"], "All experiments", resets="runs_page", width=180
        )
        status = choose(
            "runs_status", STATES, "Any status", words=words, resets="runs_page", width=136
        )
        sort = _sort(metrics)
        columns, whole = _columns(metrics, params)
    chosen = RunFilter(
        text=text,
        experiment=experiment or None,
        statuses=[status] if status else [],
        top_level_only=whole,
    )
    return chosen, sort, columns


def _sort(metrics: list[str]) -> str:
    options = ["created", *(f"metrics.{key}" for key in favourites(metrics, 8)), "duration_s"]
    return choose_one(
        "runs_sort",
        options,
        "Sort",
        default="created",
        words=_sort_words,
        resets="runs_page",
        width=176,
    )


def _sort_words(option: str) -> str:
    if option == "created":
        return "Newest first"
    if option == "duration_s":
        return "Longest first"
    key = option.removeprefix("metrics.")
    best = "Highest" if metric_kind(key).direction == "higher" else "Lowest"
    return f"{best} {metric_title(key)}"


def _columns(metrics: list[str], params: list[str]) -> tuple[list[str], bool]:
    with st.popover("Columns", icon=":material/view_column:"):
        shown = st.multiselect(
            "Metrics",
            metrics,
            default=favourites(metrics),
            format_func=metric_title,
            key="runs_metrics",
            persist_state="session",
        )
        also = st.multiselect(
            "Parameters",
            params,
            format_func=title,
            key="runs_params",
            persist_state="session",
        )
        whole = st.toggle(
            "Hide the trials of searches",
            key="runs_whole",
            bind="query-params",
            persist_state="session",
        )
    return [f"metrics.{key}" for key in shown] + [f"params.{key}" for key in also], whole


def _rows(chosen: RunFilter, sort: str, columns: list[str], found: int) -> None:
    paged = found > SIZE
    body, foot = st.container(), st.container(horizontal=True, horizontal_alignment="right")
    with foot:
        page = pager(found, key="runs_page", size=SIZE)
    frame = _page(chosen, sort, columns, page)
    looks = {
        "name": name_column("Run", width=176),
        "status": status_column(width=92),
        "experiment": text_column("Experiment", width=140),
        "trainer": text_column("Trainer", width=178),
        **{name: column_of(name) for name in columns},
        "duration_s": number_column("Took, s", 1, width=74),
        "created_at": when_column("Created", width=116),
    }
    if chosen.experiment or len(workspace().experiments.facets()["experiment"]) < 2:
        del looks["experiment"]  # every row would say the same
    with body, fill("runs", reserve=14.5 if paged else 11, most=33 + 30 * len(frame)):
        table(
            frame,
            looks,
            key="runs",
            alt="Runs",
            opens=("run", "id"),
            select="many",
            height="stretch",
        )


def _page(chosen: RunFilter, sort: str, columns: list[str], page: int) -> pd.DataFrame:
    key = sort.removeprefix("metrics.")
    by_metric = sort.startswith("metrics.")
    frame = workspace().experiments.runs(
        chosen,
        sort,
        descending=not (by_metric and metric_kind(key).direction == "lower"),
        page=page,
        size=SIZE,
        columns=(
            "name", "status", "experiment", "trainer", *columns, "duration_s", "created_at",
        ),
    )  # fmt: skip
    return as_words(frame)


def _compare_button() -> None:
    chosen = ticked("runs")
    enough = 2 <= len(chosen) <= MOST_COMPARED
    if chosen:
        st.button("Untick all", type="tertiary", on_click=untick, args=("runs",), key="runs_clear")
    if st.button(
        f"Compare ({len(chosen)})" if chosen else "Compare",
        icon=":material/compare_arrows:",
        disabled=not enough,
        help=None if enough else f"Tick 2 to {MOST_COMPARED} runs in the table",
        key="runs_compare",
    ):
        go(compare(chosen))
