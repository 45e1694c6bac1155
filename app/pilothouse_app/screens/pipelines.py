"""Pipelines: files with named steps, durable work and its schedules; demos are started here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pilothouse.jobs import workflows
from pilothouse.jobs.tables import ENDED, QUEUED, RUNNING
from pilothouse_app.components.empty_state import empty, nothing_found
from pilothouse_app.components.filters import choose_or_all, filter_bar, pager, switch
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import header
from pilothouse_app.components.links import query_param
from pilothouse_app.components.live import live
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.status import status_title
from pilothouse_app.components.table import table
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.pipelines.jobs import JOB_COLUMNS, display_jobs, kind_title
from pilothouse_app.features.pipelines.pipeline_list import add_pipeline_button, pipelines_view
from pilothouse_app.features.pipelines.recipes import add_recipe_button, recipes_view
from pilothouse_app.features.pipelines.schedules import add_schedule_button, schedules_view
from pilothouse_app.features.pipelines.start import (
    demo_button,
    other_demos_button,
    retrain_button,
    start_demo,
)

if TYPE_CHECKING:
    import pandas as pd

SCREEN = Screen(
    title="Pipelines",
    path="pipelines",
    icon=":material/account_tree:",
    summary="Pipelines, jobs, their progress, training code and schedules",
    section="Operate",
    order=30,
)
SIZE = 50
VIEWS = ("jobs", "pipelines", "recipes", "schedules")
STATUSES = (RUNNING, QUEUED, *ENDED)


def render() -> None:
    """Jobs, pipelines, recipes or schedules, with the commands that start work."""
    ws = workspace()
    busy = bool(ws.jobs.active())
    with header("Pipelines", note=plural(ws.jobs.count(), "job")):
        demo_button()
        other_demos_button()
        retrain_button()

    with filter_bar():
        first = "schedules" if query_param("schedule") else "jobs"
        view = switch("pipelines_view", VIEWS, "View", default=first, format_func=title)
        filters = _filters() if view == "jobs" else {}
        if view == "schedules":
            add_schedule_button()
        if view == "recipes":
            add_recipe_button()
        if view == "pipelines":
            add_pipeline_button()

    if view == "schedules":
        schedules_view()
    elif view == "recipes":
        recipes_view()
    elif view == "pipelines":
        pipelines_view()
    else:
        _jobs(filters, busy=busy)


def _filters() -> dict[str, Any]:
    page = "pipelines_page"
    status = choose_or_all(
        "pipelines_status", STATUSES, "All states", format_func=status_title, resets=page, width=150
    )
    kind = choose_or_all(
        "pipelines_kind",
        tuple(sorted(workflows.names(), key=kind_title)),
        "All kinds",
        format_func=kind_title,
        resets=page,
        width=170,
    )
    return {"status": status or None, "kind": kind or None}


def _jobs(filters: dict[str, Any], *, busy: bool) -> None:
    ws = workspace()
    matching = ws.jobs.count(**filters)
    if not matching and not any(filters.values()):
        empty(
            "No jobs yet",
            "Training, evaluation, reports and retraining run as jobs that survive a restart.",
            action=("Run the flights demo", start_demo),
            key="no_jobs",
        )
        return
    if not matching:
        nothing_found("jobs")
        return

    body = st.container()
    page = pager(matching, key="pipelines_page", size=SIZE)
    with body:
        live(lambda: _table(filters, page, matching > SIZE), key="jobs_live", busy=busy)


def _table(filters: dict[str, Any], page: int, paged: bool) -> bool:
    """The rows, redrawn alone while something runs; whether something does."""
    ws = workspace()
    jobs: pd.DataFrame = ws.jobs.jobs(**filters, page=page, size=SIZE)
    with table_height("jobs", len(jobs), reserve=15 if paged else 12) as height:
        table(
            display_jobs(jobs), JOB_COLUMNS, key="jobs", alt="Jobs", opens=("job", "id"),
            height=height,
        )  # fmt: skip
    return bool(ws.jobs.active())
