"""Delete the rows of a deployment's log that are too old."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments.log_rules.rules import CLEAN_UP_JOB
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.log_clean_up import clean_up


@workflows.register(CLEAN_UP_JOB)
class CleanLogWorkflow:
    """The retention of a deployment's prediction log, every day or on demand."""

    title = "Deletion of old rows"
    description = (
        "Deletes predictions, labels and requests that are older than the deployment keeps them. "
        "Rows that monitoring has not judged yet, or compares with, are left."
    )
    parameters = (Parameter("deployment", "text", required=True, help="The deployment's name."),)

    @staticmethod
    def run(job: JobContext, deployment: str) -> dict[str, Any]:
        """One step; repeated after a kill, it deletes what is left."""
        return job.compute("delete old rows", clean_up, deployment=deployment)
