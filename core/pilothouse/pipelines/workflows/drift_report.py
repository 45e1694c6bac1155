"""Make an Evidently report of a window."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import WORKER
from pilothouse.jobs import JobContext, workflows


@workflows.register("drift_report")
def drift_report(job: JobContext, report: str) -> dict[str, Any]:
    """Render the report in a child process; its HTML is an artifact."""
    result: dict[str, Any] = job.acting_as(WORKER).compute(
        "render the report", "pilothouse.monitoring.evidently_report:report_job", report=report
    )
    return result
