"""Train what one spec says."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.jobs.context import SPREAD
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.training.job_functions import train_one


@workflows.register("train")
class TrainWorkflow:
    """One training, or one search with its trials."""

    title = "Training"
    description = "Trains in a child process; the result names the run."
    parameters = (
        Parameter("spec", "object", required=True, help="A TrainingSpec as plain values."),
        SPREAD,
    )

    @staticmethod
    def run(job: JobContext, spec: dict[str, Any], spread: str = "") -> dict[str, Any]:
        """Train, and close the runs of a training that stops for good."""
        job = job.spread_over(spread)
        with closing_runs(job):
            return job.compute("train", train_one, spec=spec, job_id=job.id)
