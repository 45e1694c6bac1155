"""Register a file as a version of a dataset."""

from __future__ import annotations

from typing import Any

from pilothouse.data.registration_job import register_job
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("register_dataset")
class RegisterDatasetWorkflow:
    """The registration of a large file, with its progress."""

    title = "Dataset registration"
    description = "Reads, profiles and stores the file in a child process; names the version."
    parameters = (
        Parameter("name", "text", required=True, help="The dataset's name."),
        Parameter("path", "text", required=True, help="The file, where the worker finds it."),
        Parameter("filename", "text", "", help="The file's own name, when the path has another."),
        Parameter("options", "object", help="How it is read: ReadOptions as plain values."),
        Parameter("about", "object", help="What is stored with it, such as origin and licence."),
    )

    @staticmethod
    def run(
        job: JobContext,
        name: str,
        path: str,
        filename: str = "",
        options: dict[str, Any] | None = None,
        about: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One step; a file that was registered before is the same version again."""
        return job.compute(
            "read and register",
            register_job,
            dataset=name,
            path=path,
            filename=filename,
            options=options or {},
            about=about or {},
        )
