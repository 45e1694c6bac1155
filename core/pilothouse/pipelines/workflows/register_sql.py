"""Register a table or query of a database as a version of a dataset."""

from __future__ import annotations

from typing import Any

from pilothouse.data.registration_job import register_sql_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("register_sql")
class RegisterSqlWorkflow:
    """The registration of rows of a database, with its progress."""

    title = "Registration from a database"
    description = "Reads a table or query within its limits in a child process; names the version."
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter(
            "query",
            "object",
            required=True,
            help="url, statement, secret, max_rows and max_seconds; it holds no password.",
        ),
        Parameter("about", "object", help="What is stored with it, such as licence and tags."),
    )

    @staticmethod
    def run(
        job: JobContext, name: str, query: dict[str, Any], about: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """One step; rows that were registered before are the same version again."""
        return job.compute(
            "read and register", register_sql_job, dataset=name, query=query, about=about or {}
        )
