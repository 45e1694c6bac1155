"""What runs now, as thin lines with a link to the job: on Home, Experiments and Data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from pilothouse_app.components.links import address, link
from pilothouse_app.components.live import live
from pilothouse_app.components.workspace import workspace

if TYPE_CHECKING:
    from pilothouse.jobs.api import JobInfo

MAX_LINES = 3


def running_jobs(kinds: Sequence[str] = ()) -> bool:
    """Draw the active jobs (of some kinds) live; return whether there are any."""
    busy = bool(_active(kinds))
    live(lambda: _lines(kinds), key="progress", busy=busy, idle_seconds=5)
    return busy


def job_line(job: JobInfo) -> None:
    """One job: its title as a link, how far it is and what it does."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        link(address("job", job.id), job.title, icon=":material/manufacturing:")
        share = min(max(job.progress, 0.0), 1.0)
        message = job.message or ("Waiting for the worker" if job.status == "queued" else "Running")
        st.progress(share, text=f":small[{message} · {share:.0%}]")


def _active(kinds: Sequence[str]) -> list[JobInfo]:
    return [job for job in workspace().jobs.active() if not kinds or job.kind in kinds]


def _lines(kinds: Sequence[str]) -> bool:
    jobs = _active(kinds)
    for job in jobs[:MAX_LINES]:
        job_line(job)
    if len(jobs) > MAX_LINES:
        st.markdown(f":small[:gray[and {len(jobs) - MAX_LINES} more]]")
    return bool(jobs)
