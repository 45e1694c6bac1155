"""Delete the versions of a dataset that are too old and used by nothing."""

from __future__ import annotations

from typing import Any

from pilothouse.data.retention import CLEAN_UP_JOB, MAX_KEEP_DAYS, MAX_KEEP_VERSIONS
from pilothouse.data.retention_api import KEEP_DAYS, KEEP_VERSIONS
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.dataset_retention import delete_old_versions


@workflows.register(CLEAN_UP_JOB)
class CleanDatasetWorkflow:
    """The retention of a dataset's versions, asked for or by a clock."""

    title = "Deletion of old dataset versions"
    description = (
        "Deletes versions that are neither among the newest nor young enough. Those that models, "
        "runs, jobs, schedules, monitors or other datasets use are left."
    )
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter(
            "keep_versions",
            "integer",
            KEEP_VERSIONS,
            low=1,
            high=MAX_KEEP_VERSIONS,
            help="How many of the newest versions stay.",
        ),
        Parameter(
            "keep_days",
            "integer",
            KEEP_DAYS,
            low=0,
            high=MAX_KEEP_DAYS,
            help="Versions younger than so many days stay.",
        ),
        Parameter("reason", "text", "", help="Why."),
    )

    @staticmethod
    def run(
        job: JobContext,
        name: str,
        keep_versions: int = KEEP_VERSIONS,
        keep_days: int = KEEP_DAYS,
        reason: str = "",
    ) -> dict[str, Any]:
        """One step; repeated after a kill, it deletes what is left."""
        return job.compute(
            "delete old versions",
            delete_old_versions,
            dataset=name,
            keep_versions=keep_versions,
            keep_days=keep_days,
            reason=reason,
        )
