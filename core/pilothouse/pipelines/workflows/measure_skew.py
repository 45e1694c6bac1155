"""Compare what a deployment was served with to what it should have been."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.skew.skew_api import JOB


@workflows.register(JOB)
class MeasureSkewWorkflow:
    """A measurement, asked for or by a clock."""

    title = "Training-serving skew"
    description = (
        "Compares the logged inputs of a deployment with the feature store at their times, or with "
        "the training rows of the same key, and its first requests with the training dataset."
    )
    parameters = (
        Parameter("deployment", "text", required=True, help="A deployment of this workspace."),
        Parameter("key", "text", help="The input that names a row of the training dataset."),
        Parameter("start_ms", "integer", help="Events from this time on, in ms since 1970."),
        Parameter("end_ms", "integer", help="Events before this time."),
    )

    @staticmethod
    def run(
        job: JobContext,
        deployment: str,
        key: str | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> dict[str, Any]:
        """One step, which reads and changes nothing."""
        from pilothouse.monitoring.skew.measurement import measure_job  # loads numpy

        return job.compute(
            "measure",
            measure_job,
            deployment=deployment,
            key=key or "",
            start_ms=start_ms,
            end_ms=end_ms,
        )
