"""Explain a version on its held-out rows."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.version_measurement import measure_version


@workflows.register("explain_version")
class ExplainVersionWorkflow:
    """Permutation importance or partial dependence, in the version's own model process."""

    title = "Explanation of a version"
    description = (
        "Asks the version's own model process for the answers to changed held-out rows: how far a "
        "metric falls without an input, or how the mean answer depends on it."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("needs", "list", required=True, help="Kinds of explanations, with parameters."),
    )

    @staticmethod
    def run(
        job: JobContext, model: str, version: int, needs: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """One step; the result is stored with the version."""
        return job.compute("explain", measure_version, model=model, version=version, needs=needs)
