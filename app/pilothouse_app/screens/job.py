"""One job: its progress, steps, log and result; cancel and retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.charts.timeline import steps_timeline
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.diff import pairs_table
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.filters import switch
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.header import facts, header, section
from pilothouse_app.components.links import ICONS, address, go, link, query_param, screen
from pilothouse_app.components.live import live
from pilothouse_app.components.log_view import log_view
from pilothouse_app.components.screen import Screen
from pilothouse_app.components.table import table
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.data.contracts import remedy_buttons
from pilothouse_app.features.evaluation.predict import prediction_outcome
from pilothouse_app.features.evaluation.results import evaluation_outcome
from pilothouse_app.features.experiments.export_dialog import is_run_export, run_export_report
from pilothouse_app.features.experiments.import_dialog import import_report, is_import
from pilothouse_app.features.pipelines.jobs import (
    STEP_COLUMNS,
    job_facts,
    progress_line,
    result_fields,
    steps_frame,
)
from pilothouse_app.features.pipelines.pipeline_run import pipeline_run_link
from pilothouse_app.features.pipelines.recipe import recipe_outcome
from pilothouse_app.features.training.job_result import (
    edit_again_button,
    is_training,
    training_outcome,
)

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.jobs.api import JobInfo

# Their refs are long ids that say nothing to a reader.
WITHOUT_NAMES = ("environment", "run", "window", "alert", "rule", "report", "promotion", "job")
SCREEN = Screen(
    title="Job",
    path="job",
    icon=":material/manufacturing:",
    summary="One job with its steps and log",
    parent="pipelines",
)


def render() -> None:
    """The job the address names."""
    job_id = query_param("id")
    back = ("Pipelines", screen("pipelines"))
    if not job_id:
        with header("Job", back=back):
            pass
        empty("Which job?", "The address names none.", to=("Open pipelines", screen("pipelines")))
        return
    job = workspace().jobs.job(job_id)
    with header(job.title, status=job.status, back=back):
        _commands(job)
    view = _origin_and_view(job)
    live(lambda: _body(job_id, view), key="job_live", busy=not job.ended, state=job.status)


def _commands(job: JobInfo) -> None:
    ws = workspace()
    if not job.ended and st.button("Cancel job", icon=":material/cancel:", key="job_cancel"):
        confirm(
            "Cancel this job",
            f"**{job.title}** stops after the step it is in. The results of finished steps are "
            "kept, and it can be retried from there.",
            verb="Cancel job",
            command=lambda reason: ws.jobs.cancel(job.id, reason),
            done="The job is being cancelled",
        )

    remedy_buttons(job)
    if job.status in ("failed", "cancelled"):
        edit_again_button(job)

    if job.status in ("failed", "cancelled") and st.button(
        "Retry",
        type="secondary" if job.remedy or is_training(job) else "primary",
        icon=":material/replay:",
        key="job_retry",
    ):
        confirm(
            "Retry this job",
            f"**{job.title}** is run again, as a new job, from the step that did not finish.",
            verb="Retry",
            command=lambda reason: _retry(job.id, reason),
            done="",
        )


def _retry(job_id: str, reason: str) -> None:
    again = workspace().jobs.retry(job_id, reason)
    toast_next("The job was retried")
    go(address("job", again))


def _origin_and_view(job: JobInfo) -> str:
    with st.container(horizontal=True, vertical_alignment="center"):
        first = ("report",) if is_import(job) or is_run_export(job) else ()
        views = (*first, "log", "timeline", "details")
        view = switch("job_view", views, "Show", format_func=title)
        if job.subject_ref:
            kind, ref = job.subject_kind, job.subject_ref
            name = title(kind) if kind in WITHOUT_NAMES else f"{title(kind)} {ref}"
            link(address(kind, ref), name, icon=ICONS.get(kind))
        pipeline_run_link(job)
        if job.retry_of:
            link(address("job", job.retry_of), "First attempt", icon=":material/undo:")
    return view


def _body(job_id: str, view: str) -> str:
    """The part that moves; the status that it has come to."""
    ws = workspace()
    job = ws.jobs.job(job_id)
    facts(job_facts(job))
    progress_line(job)
    training_outcome(job)
    recipe_outcome(job)
    evaluation_outcome(job)
    prediction_outcome(job)
    if view == "report":
        (import_report if is_import(job) else run_export_report)(job)
        return job.status

    steps = steps_frame(ws.jobs.steps(job_id))
    left, right = st.columns([48, 52], gap="medium")

    with left:
        section("Steps", plural(len(steps), "step") if len(steps) else "")
        if steps.empty:
            empty("No step has started", "The worker runs jobs in the order they were submitted.")
        else:
            with table_height("job_steps", len(steps), reserve=19) as height:
                table(steps, STEP_COLUMNS, key="job_steps", alt="Steps", height=height)

    with right:
        section(title(view))
        _detail(job, steps, view)
    return job.status


def _detail(job: JobInfo, steps: pd.DataFrame, view: str) -> None:
    if view == "details":
        pairs_table(
            {**result_fields(job.result), **job.args, "id": job.id}, alt="Arguments and result"
        )
    elif view == "log":
        log_view(workspace().jobs.log(job.id), key="job_log", reserve=19)
    elif not steps.empty:
        figure(
            steps_timeline(steps, dark=dark()),
            key="job_timeline",
            height=min(620, 60 + 22 * len(steps)),
            alt="When each step of the job ran",
        )
