"""A workflow that is one file, with the function that it runs in a child process."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, Progress, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.storage import Store


def count(store: Store, progress: Progress, *, deployment: str) -> int:
    """In the child: how many windows the deployment has."""
    from pilothouse.monitoring import Monitoring

    progress(0.5, "counting")
    return len(Monitoring(store).windows(deployment))


@workflows.register("count_windows")
class CountWindowsWorkflow:
    """Counts, as a job."""

    title = "Window count"
    description = "Counts the windows of a deployment; it changes nothing."
    parameters = (Parameter("deployment", "text", required=True, help="The deployment's name."),)

    @staticmethod
    def run(job: JobContext, deployment: str) -> dict[str, Any]:
        """One step."""
        return {"windows": job.compute("count", count, deployment=deployment)}
