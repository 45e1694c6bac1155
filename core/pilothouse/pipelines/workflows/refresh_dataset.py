"""Read the rows of a dataset from its source again, as its next version."""

from __future__ import annotations

from typing import Any

from pilothouse.data.registration_job import refresh_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("refresh_dataset")
class RefreshDatasetWorkflow:
    """A refresh, asked for or by a clock."""

    title = "Dataset refresh"
    description = (
        "Reads the place that a dataset was registered from; new rows that keep the "
        "contract become its next version, and its differences are the result. One that fails a "
        "blocking quality check is held back until a person releases it."
    )
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter(
            "on_breach",
            "choice",
            "refuse",
            choices=("refuse", "accept"),
            help="What becomes of rows that break the contract.",
        ),
        Parameter(
            "release_reason",
            "text",
            "",
            help="Why rows that fail a blocking quality check are put into use all the same.",
        ),
    )

    @staticmethod
    def run(
        job: JobContext, name: str, on_breach: str = "refuse", release_reason: str = ""
    ) -> dict[str, Any]:
        """One step; rows that did not change are the newest version still."""
        return job.compute(
            "read and compare",
            refresh_job,
            dataset=name,
            on_breach=on_breach,
            release_reason=release_reason,
        )
