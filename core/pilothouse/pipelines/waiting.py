"""Waiting in one job for the end of another."""

from __future__ import annotations

import time

from pilothouse.jobs import JobContext, Jobs

POLL_S = 0.5


def wait_for_retraining(job: JobContext, other: str) -> str:
    """Wait until another job has ended, however it ends; its status."""
    jobs, report = Jobs(job.store), job.reporter()
    while not (info := jobs.job(other)).ended:
        report(0.9, f"retraining: {info.message}")
        report.check()
        time.sleep(POLL_S)
    return info.status
