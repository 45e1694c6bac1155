"""Write the whole workspace as an archive into its folder."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.archives.export_job import export_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter

NONE: tuple[Parameter, ...] = ()


@workflows.register("export_archive")
class ExportArchiveWorkflow:
    """One archive, which replaces the one before."""

    title = "Archive"
    description = "Writes the workspace as one file in open formats in a child process."
    parameters = NONE

    @staticmethod
    def run(job: JobContext) -> dict[str, Any]:
        """One step, which can be repeated: the file is there once it is whole."""
        return job.compute("write the archive", export_job)
