"""What the job of an environment needs from other rooms: what is deployed, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pilothouse.activity.actors import WORKER
from pilothouse.deployments.deployed_versions import deployed_versions
from pilothouse.deployments.environment_check import check_in_environment
from pilothouse.environments import Environments
from pilothouse.environments.checking import check_uses
from pilothouse.environments.failure import EnvironmentFailure
from pilothouse.environments.states import set_failed
from pilothouse.jobs import JobContext, Progress
from pilothouse.kit.errors import Cancelled, NotFound, PilothouseError
from pilothouse.storage import Store


@contextmanager
def ending_environment(job: JobContext, environment: str) -> Iterator[None]:
    """Write the failure of a build that stops with an error, and raise it again.

    A child process writes its own failures, unless it was killed.
    """
    try:
        yield
    except (EnvironmentFailure, NotFound):
        raise
    except PilothouseError as stopped:
        is_cancelled = isinstance(stopped, Cancelled)
        message = "the build was cancelled." if is_cancelled else stopped.message
        set_failed(job.store, environment, "interrupted", message, stopped.hint)
        raise


def collect_environments(store: Store, progress: Progress) -> dict[str, Any]:
    """Remove unused environments when all take more than their limit; the ids of those removed."""
    progress(0.0, "looking for unused environments")
    room = Environments(store.acting_as(WORKER), deployed_versions)
    removed = room.collect(reason="the limit of their disk space").removed
    return {"removed": list(removed)} if removed else {}


def check_versions(
    store: Store, progress: Progress, *, environment: str, job_id: str
) -> dict[str, Any]:
    """Check every version that waits for an environment; the state of each."""
    states = check_uses(store, progress, environment, check_in_environment, job_id)
    return {"checked": states} if states else {}
