"""Write windows as an Evidently workspace."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import WORKER
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.evidently_workspace.export_job import export_job


@workflows.register("export_evidently")
class ExportEvidentlyWorkflow:
    """One export that somebody asked for."""

    title = "Export to Evidently"
    description = "Writes windows as an Evidently workspace in a child process, as a zip."
    parameters = (Parameter("export", "text", required=True, help="The id of the export."),)

    @staticmethod
    def run(job: JobContext, export: str) -> dict[str, Any]:
        """Write the export once; doing it again returns the same artifact."""
        return job.acting_as(WORKER).compute("write the workspace", export_job, export=export)
