"""Evaluate a version on labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.cleanup import closing_runs
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds
from pilothouse.pipelines.version_evaluation import evaluate_version


@step_kinds.register("evaluate_version")
class EvaluateVersionStep:
    """What a version is worth on a dataset version; it becomes evidence for the gates."""

    title = "Evaluation of a version"
    description = "Scores labelled rows with a version; its metrics become a run and evidence."
    parameters = (
        Parameter("model", "text", required=True, help="The model's name."),
        Parameter("version", "integer", required=True, help="The version's number."),
        Parameter("dataset", "text", required=True, help="The dataset version: name@number."),
        Parameter("label", "text", "", help="The column of the labels; that of the target."),
    )
    outputs = (
        StepOutput("run", "text", "The run of the evaluation."),
        StepOutput("metrics", "object", "Its metrics."),
        StepOutput("rows", "integer", "How many labelled rows there were."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the version may be registered later."""

    @staticmethod
    def run(
        step: StepContext, *, model: str, version: int, dataset: str, label: str = ""
    ) -> dict[str, Any]:
        """One durable step; its run is closed when it stops for good."""
        with closing_runs(step.job, step.id):
            result = step.job.compute(
                "evaluate",
                evaluate_version,
                model=model,
                version=version,
                dataset=dataset,
                label=label,
                job_id=step.id,
            )
        return {output.name: result[output.name] for output in EvaluateVersionStep.outputs}
