"""Train every trainer that fits the task, and rank them."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.jobs.context import SPREAD
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.training.job_functions import try_all


@workflows.register("try_all")
class TryAllWorkflow:
    """Trainings that differ in their trainers only."""

    title = "Training of every trainer"
    description = (
        "Trains every trainer of the task on the same rows in a child process; the result is a "
        "leaderboard and names the best run."
    )
    parameters = (
        Parameter("specs", "list", required=True, help="TrainingSpecs as plain values."),
        Parameter("seconds", "number", 1800.0, 1.0, unit="s", help="No trainer starts later."),
        SPREAD,
    )

    @staticmethod
    def run(
        job: JobContext, specs: list[dict[str, Any]], seconds: float = 1800.0, spread: str = ""
    ) -> dict[str, Any]:
        """Train, and close the runs of a training that stops for good."""
        job = job.spread_over(spread)
        with closing_runs(job):
            return job.compute("train", try_all, specs=specs, job_id=job.id, seconds=seconds)
