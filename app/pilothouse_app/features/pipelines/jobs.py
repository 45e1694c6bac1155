"""Jobs: titles of their kinds, their table, progress and steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.jobs import workflows
from pilothouse_app.components.formats import DASH, ago, duration, is_missing, sentence, title
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.table import (
    name_column,
    number_column,
    status_column,
    text_column,
    when_column,
)

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo, StepInfo

JOB_COLUMNS = {
    "title": name_column("Job", width=290),
    "status": status_column(width=92),
    "progress": st.column_config.ProgressColumn("Progress", format="percent", width=120),
    "message": text_column("Message"),
    "kind": text_column("Kind", width=104),
    "requested_by": text_column("Started by", width=84),
    "created_at": when_column("Created", width=104),
    "took": text_column("Duration", width=80),
}
STEP_COLUMNS = {
    "seq": number_column("No.", 0, width=46),
    "name": text_column("Step"),
    "status": status_column(width=92),
    "took": text_column("Duration", width=88),
    "attempts": number_column("Attempts", 0, width=56),
}


def kind_title(kind: str) -> str:
    """The title of a kind of job; of one that is not installed, its name in words."""
    return workflows.get(kind).title if kind in workflows.names() else title(kind)


def display_jobs(jobs: pd.DataFrame) -> pd.DataFrame:
    """The frame of jobs with titles of their kinds and their durations."""
    spans = zip(jobs["started_at"], jobs["ended_at"], strict=True)
    messages = zip(jobs["error"], jobs["message"], strict=True)
    return jobs.assign(
        kind=[kind_title(kind) for kind in jobs["kind"]],
        message=[error or message for error, message in messages],
        took=[duration_text(started, ended) for started, ended in spans],
    )


def duration_text(started: datetime | None, ended: datetime | None) -> str:
    """How long from start to end, or to now when it has not ended."""
    if started is None or is_missing(started):
        return DASH
    end = datetime.now(UTC) if ended is None or is_missing(ended) else ended
    return duration((end - started).total_seconds())


def steps_frame(steps: Sequence[StepInfo]) -> pd.DataFrame:
    """The steps of a job as rows of a table."""
    rows = [
        {
            "id": str(step.seq),
            "seq": step.seq,
            "name": sentence(step.name),
            "status": step.status,
            "took": duration_text(step.started_at, step.ended_at),
            "attempts": step.attempts,
            "started_at": step.started_at,
            "ended_at": step.ended_at or datetime.now(UTC),
        }
        for step in steps
    ]
    return pd.DataFrame(rows)


def progress_line(job: JobInfo) -> None:
    """A bar with what the job does now; why it stopped when it failed."""
    if job.status == "failed":
        hint = f"\n\n{job.hint}" if job.hint else ""
        st.error(literal(f"{job.error}{hint}"), title="This job failed", icon=":material/error:")
    elif not job.ended:
        message = job.message or ("Waiting for the worker" if job.status == "queued" else "Running")
        cancelling = " · stops after this step" if job.cancel_requested else ""
        st.progress(
            min(1.0, max(0.0, job.progress)), text=f"{job.progress:.0%} · {message}{cancelling}"
        )


def job_facts(job: JobInfo) -> dict[str, str]:
    """The line of facts of a job."""
    return {
        "Kind": kind_title(job.kind),
        "Started by": job.requested_by,
        "Created": ago(job.created_at),
        "Duration" if job.ended else "Running for": duration_text(job.started_at, job.ended_at),
    }


def result_fields(result: dict[str, Any] | None) -> dict[str, Any]:
    """The result of a job, without empty values."""
    return {name: value for name, value in (result or {}).items() if value not in (None, [], {})}
