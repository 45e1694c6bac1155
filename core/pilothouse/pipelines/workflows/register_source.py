"""Register the rows of a database, table or folder as a version of a dataset."""

from __future__ import annotations

from typing import Any

from pilothouse.data.registration_job import register_source_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("register_source")
class RegisterSourceWorkflow:
    """The registration of rows from a place that a refresh reads again, with its progress."""

    title = "Registration from a source"
    description = "Reads a source of data within its limits in a child process; names the version."
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter("kind", "text", required=True, help="A kind of source, such as sql or delta."),
        Parameter(
            "settings",
            "object",
            required=True,
            help="The kind's parameters by their names; they hold no password.",
        ),
        Parameter("about", "object", help="What is stored with it, such as licence and tags."),
    )

    @staticmethod
    def run(
        job: JobContext,
        name: str,
        kind: str,
        settings: dict[str, Any],
        about: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One step; rows that were registered before are the same version again."""
        return job.compute(
            "read and register",
            register_source_job,
            dataset=name,
            kind=kind,
            settings=settings,
            about=about or {},
        )
