"""Make an Evidently report of a window."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import WORKER
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.evidently_report import report_job


@workflows.register("drift_report")
class DriftReportWorkflow:
    """One report that somebody asked for."""

    title = "Drift report"
    description = "Renders the report in a child process; its HTML is an artifact."
    parameters = (Parameter("report", "text", required=True, help="The id of the report."),)

    @staticmethod
    def run(job: JobContext, report: str) -> dict[str, Any]:
        """Render the report once; doing it again returns the same artifact."""
        return job.acting_as(WORKER).compute("render the report", report_job, report=report)
