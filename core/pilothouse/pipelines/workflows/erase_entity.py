"""Erase an entity from the whole workspace."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.erasures.erasure_job import erase_entity
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register("erase_entity")
class EraseEntityWorkflow:
    """The erasure of a person's rows wherever the workspace has them."""

    title = "Erasure of an entity"
    description = (
        "Erases the rows of an entity from all dataset versions, prediction logs, messages that "
        "are set aside and uploads, and makes a certificate. Trained models stay."
    )
    parameters = (
        Parameter("hashes", "list", required=True, help="Keyed hashes of its value."),
        Parameter("reason", "text", required=True, help="Why."),
        Parameter("columns", "list", help="Columns; without, those of personal data."),
    )

    @staticmethod
    def run(
        job: JobContext, hashes: list[str], reason: str, columns: list[str] | None = None
    ) -> dict[str, Any]:
        """One step; repeated after a kill, it erases what is left."""
        return job.compute(
            "erase",
            erase_entity,
            columns=list(columns or ()),
            hashes=hashes,
            reason=reason,
            job=job.id,
        )
