"""Jobs that tests do in their own process, without a worker."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, Progress
from pilothouse.workspace import Workspace


def at_once(workspace: Workspace, job_id: str = "a-job") -> JobContext:
    """A job whose steps are done in this process."""

    def compute(store: Any, job: str, target: str, span: Any, args: dict[str, Any]) -> Any:
        from pilothouse.jobs.functions import resolve_function

        return resolve_function(target)(store, Progress(store, None), **args)

    return JobContext(workspace.store, job_id, lambda _name, act: act(), compute)
