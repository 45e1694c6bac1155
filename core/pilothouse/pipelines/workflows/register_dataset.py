"""Register a file as a version of a dataset."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows


@workflows.register("register_dataset")
def register_dataset(
    job: JobContext,
    name: str,
    path: str,
    filename: str = "",
    options: dict[str, Any] | None = None,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Read, profile and store the file in a child process; the result names the version."""
    result: dict[str, Any] = job.compute(
        "read and register",
        "pilothouse.data.registration_job:register_job",
        dataset=name,
        path=path,
        filename=filename,
        options=options or {},
        about=about or {},
    )
    return result
