"""Import what another tracker stored: a folder, a database or a server."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.importing.importer import import_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("import_history")
class ImportHistoryWorkflow:
    """One import; what was imported before is skipped."""

    title = "Import"
    description = "Reads and writes in a child process; after a kill it imports what is missing."
    parameters = (
        Parameter("source", "text", required=True, help="A folder, a database or a server."),
        Parameter("experiments", "list", help="Only these experiments; None imports all."),
        Parameter("into", "text", "", help="A prefix for the names of experiments."),
        Parameter("artifacts", "text", "", help="Where artifacts lie, when they were moved."),
        Parameter("tracker", "text", "", help="Whose history it is; recognised when empty."),
    )

    @staticmethod
    def run(
        job: JobContext,
        source: str,
        experiments: list[str] | None = None,
        into: str = "",
        artifacts: str = "",
        tracker: str = "",
    ) -> dict[str, Any]:
        """One step, which can be repeated."""
        return job.compute(
            "read and write",
            import_job,
            source=source,
            experiments=experiments or [],
            into=into,
            artifacts=artifacts,
            tracker=tracker,
        )
