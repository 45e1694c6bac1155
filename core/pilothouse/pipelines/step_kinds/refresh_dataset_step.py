"""Read a dataset from its source again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.data.registration_job import refresh_job
from pilothouse.kit.errors import Refused
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("refresh_dataset")
class RefreshDatasetStep:
    """The rows that a database, a folder, a feature store or another source has now."""

    title = "Refresh of a dataset"
    description = (
        "Reads a dataset from its source again; the same rows are the same version, and rows "
        "that break its contract or fail a blocking quality check fail."
    )
    parameters = (Parameter("dataset", "text", required=True, help="The dataset's name."),)
    outputs = (
        StepOutput("dataset", "text", "The version: name@number."),
        StepOutput("rows", "integer", "How many rows it has."),
        StepOutput("existed", "boolean", "Whether these rows were the newest version already."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the dataset may be registered later."""

    @staticmethod
    def run(step: StepContext, *, dataset: str) -> dict[str, Any]:
        """One durable step."""
        result = step.job.compute("refresh", refresh_job, dataset=dataset, on_breach="refuse")
        if held := result.get("held"):
            raise Refused(
                f"{result['dataset']} is held back by its quality checks: {held}.",
                hint="Release it, or mend the source, then retry.",
            )
        return {output.name: result[output.name] for output in RefreshDatasetStep.outputs}
