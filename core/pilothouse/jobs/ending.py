"""Ending jobs that nobody will go on with."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.jobs.tables import CANCELLED, ENDED, RUNNING, Job, JobStep
from pilothouse.storage import Store


def end_unfinished(session: Session, store: Store, reason: str) -> list[Job]:
    """Cancel every job that has not ended, at once: no worker here knows of it."""
    unfinished = select(Job).where(col(Job.status).not_in(ENDED)).order_by(col(Job.created_at))
    jobs = list(session.exec(unfinished))
    for job in jobs:
        job.status, job.ended_at, job.error = CANCELLED, store.now(), reason
        session.add(job)
        steps = select(JobStep).where(JobStep.job_id == job.id, JobStep.status == RUNNING)
        for step in session.exec(steps):
            step.status, step.ended_at = CANCELLED, store.now()
            session.add(step)
        record(session, store, "cancelled", "job", job.id, name=job.title, reason=reason)
    return jobs
