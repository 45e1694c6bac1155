"""Durable work: jobs, their steps, logs and schedules. The worker hands them to DBOS."""

from pilothouse.jobs.outbox import submit
from pilothouse.jobs.progress import Progress
from pilothouse.jobs.run import JobRun, workflows
from pilothouse.jobs.verbs import JobInfo, Jobs, StepInfo

__all__ = ["JobInfo", "JobRun", "Jobs", "Progress", "StepInfo", "submit", "workflows"]
