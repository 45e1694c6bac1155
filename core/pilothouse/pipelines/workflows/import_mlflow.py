"""Bring what MLflow kept: a folder, a database or a server."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows


@workflows.register("import_mlflow")
def import_mlflow(
    job: JobContext,
    source: str,
    experiments: list[str] | None = None,
    into: str = "",
    artifacts: str = "",
) -> dict[str, Any]:
    """Read and write in a child process; killed, it goes on with what is not here yet."""
    report: dict[str, Any] = job.compute(
        "read and write",
        "pilothouse.interop.importing.importer:import_job",
        source=source,
        experiments=experiments or [],
        into=into,
        artifacts=artifacts,
    )
    return report
