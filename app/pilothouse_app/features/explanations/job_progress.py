"""A job of an explanation: its progress while it runs, and why it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.links import address, link
from pilothouse_app.components.live import live
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo
    from pilothouse.registry.info import VersionInfo

EXPLAIN_VERSION = "explain_version"


def active_job(version: VersionInfo, measurement: str) -> JobInfo | None:
    """The job that explains a version by a kind now."""
    for job in workspace().jobs.active():
        is_own = (job.kind, job.subject_ref) == (EXPLAIN_VERSION, version.ref)
        if is_own and any(need["kind"] == measurement for need in job.args["needs"]):
            return job
    return None


def job_line(job: str, text: str, *, key: str) -> bool:
    """Draw the progress of a job that has not ended, or why it failed; whether it succeeded."""
    info = workspace().jobs.job(job)
    if not info.ended:
        live(lambda: _progress(job, text), key=key, busy=True)
        return False
    if info.status != "succeeded":
        hint = f"\n\n{info.hint}" if info.hint else ""
        st.error(literal(f"{info.error or info.status}{hint}"), icon=":material/error:")
        return False
    return True


def _progress(job: str, text: str) -> bool:
    info = workspace().jobs.job(job)
    if info.ended:
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        message = literal(info.message) or "waiting for a worker"
        st.progress(info.progress, text=f"{text}: {message}")
        link(address("job", job), "Job", icon=":material/work_history:")
    return True


def explained_state(ref: str) -> object:
    """What the page of a version is drawn for: the jobs that explain it now."""
    return [job.id for job in workspace().jobs.active() if job.subject_ref == ref]
