"""Durable work: jobs, their steps, logs and schedules. The worker hands them to DBOS."""

from pilothouse.jobs.api import JobInfo, Jobs, StepInfo
from pilothouse.jobs.context import JobContext, Workflow, workflows
from pilothouse.jobs.outbox import require_result, submit
from pilothouse.jobs.progress import Progress

__all__ = [
    "JobContext",
    "JobInfo",
    "Jobs",
    "Progress",
    "StepInfo",
    "Workflow",
    "require_result",
    "submit",
    "workflows",
]
