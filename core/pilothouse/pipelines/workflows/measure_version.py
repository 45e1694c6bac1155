"""Measure a version for its gates."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.version_measurement import measure_version


@workflows.register("measure_version")
class MeasureVersionWorkflow:
    """What the gates before a stage need of a version beside its metrics."""

    title = "Measurement of a version"
    description = (
        "Makes the measurements that the gates of a version judge, such as its worst slice and its "
        "latency in a model process, and stores them as evidence."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("needs", "list", required=True, help="Kinds of measurements, with parameters."),
    )

    @staticmethod
    def run(
        job: JobContext, model: str, version: int, needs: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """One step; a measurement that was made is not repeated."""
        return job.compute("measure", measure_version, model=model, version=version, needs=needs)
