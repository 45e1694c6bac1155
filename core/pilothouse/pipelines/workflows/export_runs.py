"""Write runs in the format of another tracker, or as tables."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.run_exports.export_job import export_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("export_runs")
class ExportRunsWorkflow:
    """One archive, which stays in the workspace's folder for a week."""

    title = "Export of runs"
    description = "Writes runs for MLflow or TensorBoard, or as tables, in a child process."
    parameters = (
        Parameter("format", "text", required=True, help="The format."),
        Parameter("runs", "list", help="The ids of runs."),
        Parameter("experiments", "list", help="Experiments whose runs are exported."),
    )

    @staticmethod
    def run(
        job: JobContext,
        format: str,
        runs: list[str] | None = None,
        experiments: list[str] | None = None,
    ) -> dict[str, Any]:
        """One step, which can be repeated: the file is there once it is whole."""
        return job.compute(
            "write the archive",
            export_job,
            name=job.id,
            format=format,
            runs=runs or [],
            experiments=experiments or [],
        )
