"""Answer every row of a dataset version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.batch_prediction import predict_dataset
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("predict_dataset")
class PredictDatasetStep:
    """The answers of a version become a version of a dataset."""

    title = "Batch prediction"
    description = "Scores all rows with a version; ids and answers become a dataset version."
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("dataset", "text", required=True, help="name, or name@number."),
        Parameter("name", "text", "", help="The dataset of the answers; NAME-predictions."),
        Parameter("columns", "list", help="Columns that are carried over; all that are no inputs."),
    )
    outputs = (
        StepOutput("dataset", "text", "The version with the answers: name@number."),
        StepOutput("rows", "integer", "How many rows it has."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: data and version may be registered later."""

    @staticmethod
    def run(
        step: StepContext,
        *,
        model: str,
        version: int,
        dataset: str,
        name: str = "",
        columns: list[str] | None = None,
    ) -> dict[str, Any]:
        """One durable step."""
        result = step.job.compute(
            "predict",
            predict_dataset,
            model=model,
            version=version,
            dataset=dataset,
            name=name,
            columns=columns,
        )
        return {output.name: result[output.name] for output in PredictDatasetStep.outputs}
