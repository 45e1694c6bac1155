"""Train what one spec says."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.pipelines.cleanup import closing_runs


@workflows.register("train")
def train(job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
    """Train in a child process; the result names the run."""
    with closing_runs(job):
        result: dict[str, Any] = job.compute(
            "train", "pilothouse.training.fit:train_job", spec=spec, job_id=job.id
        )
    return result
