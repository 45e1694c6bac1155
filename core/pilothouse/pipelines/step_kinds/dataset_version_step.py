"""Pin the version of a dataset that the later steps use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.step_functions import pin_dataset
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("dataset_version")
class DatasetVersionStep:
    """The newest version of a dataset, or a named one."""

    title = "Dataset version"
    description = "Pins the newest version of a dataset, so that every later step has the same."
    parameters = (
        Parameter("dataset", "text", required=True, help="name, or name@number for one version."),
        Parameter("min_rows", "integer", 0, 0, help="Fail when it has fewer rows."),
    )
    outputs = (
        StepOutput("dataset", "text", "The version: name@number."),
        StepOutput("rows", "integer", "How many rows it has."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the dataset may be registered later."""

    @staticmethod
    def run(step: StepContext, *, dataset: str, min_rows: int = 0) -> dict[str, Any]:
        """One durable step."""
        return step.job.compute("pin", pin_dataset, dataset=dataset, min_rows=min_rows)
