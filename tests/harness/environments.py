"""What the job of an environment does, in the process of a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pilothouse.environments import EnvironmentInfo, EnvironmentRequest
from pilothouse.environments.job_functions import build_environment, resolve_environment
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace

Open = Callable[..., Workspace]


def run_job(workspace: Workspace, info: EnvironmentInfo, *, rebuild: bool = False) -> str:
    """Do what the job of an environment does, and end the job; the environment's id."""
    store = workspace.store
    progress = Progress(store, info.job)
    resolved = resolve_environment(store, progress, environment=info.id, rebuild=rebuild)
    build_environment(store, progress, rebuild=rebuild, **resolved)
    end_job(workspace, info)
    return str(resolved["environment"])


def end_job(workspace: Workspace, info: EnvironmentInfo, status: str = "succeeded") -> None:
    with workspace.store.write() as session:
        job = session.get_one(Job, info.job)
        job.status, job.ended_at = status, workspace.store.now()
        session.add(job)


def build(workspace: Workspace, *requirements: str, subject: str = "", **values: Any) -> str:
    """Request an environment and build it; its id."""
    requested = EnvironmentRequest(requirements=requirements, **values)
    return run_job(workspace, workspace.environments.request(requested, subject))
