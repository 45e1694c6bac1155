"""Answer the rows of a dataset version, and register the answers."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.jobs.context import SPREAD
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.batch_prediction import predict_dataset


@workflows.register("predict_dataset")
class PredictDatasetWorkflow:
    """The answers of a version to a dataset version, whatever its task and format."""

    title = "Batch prediction"
    description = (
        "Scores all rows in a model process of the version; ids and answers become a version of "
        "a dataset."
    )
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter(
            "dataset", "text", required=True, help="name@number, or the name for the newest one."
        ),
        Parameter("name", "text", "", help="The dataset of the answers; NAME-predictions."),
        Parameter(
            "columns", "list", help="The columns that are carried over; all that are no inputs."
        ),
        SPREAD,
    )

    @staticmethod
    def run(
        job: JobContext,
        model: str,
        version: int,
        dataset: str,
        name: str = "",
        columns: list[str] | None = None,
        spread: str = "",
    ) -> dict[str, Any]:
        """One step."""
        return job.spread_over(spread).compute(
            "predict",
            predict_dataset,
            model=model,
            version=version,
            dataset=dataset,
            name=name,
            columns=columns,
        )
