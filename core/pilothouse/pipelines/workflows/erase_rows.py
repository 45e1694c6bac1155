"""Erase the rows of one entity from a deployment's log."""

from __future__ import annotations

from typing import Any

from pilothouse.deployments.log_rules.erasure import ERASE_JOB, erase_rows
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter


@workflows.register(ERASE_JOB)
class EraseRowsWorkflow:
    """The erasure of a person's rows, as they may ask for by law."""

    title = "Erasure of rows"
    description = (
        "Erases the predictions of an entity from a deployment's log, with their labels and "
        "rewards, and makes a certificate. Figures of judged windows stay."
    )
    parameters = (
        Parameter("deployment", "text", required=True, help="The deployment's name."),
        Parameter("hashes", "list", required=True, help="Keyed hashes of its values, or of ids."),
        Parameter("reason", "text", required=True, help="Why."),
        Parameter("column", "text", default="", help="An input; without one, prediction ids."),
    )

    @staticmethod
    def run(
        job: JobContext, deployment: str, hashes: list[str], reason: str, column: str = ""
    ) -> dict[str, Any]:
        """One step; repeated after a kill, it erases what is left."""
        return job.compute(
            "erase",
            erase_rows,
            deployment=deployment,
            column=column,
            hashes=hashes,
            reason=reason,
            job=job.id,
        )
