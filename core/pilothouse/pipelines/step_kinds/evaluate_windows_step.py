"""Evaluate the due windows of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.evaluation import evaluate_due
from pilothouse.pipelines.step_kinds import StepContext, StepOutput, step_kinds


@step_kinds.register("evaluate_windows")
class EvaluateWindowsStep:
    """The evaluation that monitoring does by itself, at this point of a pipeline."""

    title = "Evaluation of windows"
    description = "Evaluates the due windows of a deployment; alerts may fire."
    parameters = (Parameter("deployment", "text", required=True, help="The deployment's name."),)
    outputs = (
        StepOutput("windows", "integer", "How many windows were evaluated."),
        StepOutput("fired", "integer", "How many alerts fired."),
    )

    @staticmethod
    def check(inputs: Mapping[str, Any]) -> None:
        """Nothing more: the deployment may be launched later."""

    @staticmethod
    def run(step: StepContext, *, deployment: str) -> dict[str, Any]:
        """Each window is a durable step."""
        return evaluate_due(step.job, deployment)
