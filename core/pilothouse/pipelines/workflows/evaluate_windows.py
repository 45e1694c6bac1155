"""Evaluate what has come in: every window of a deployment with something new in it."""

from __future__ import annotations

from typing import Any

from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.parameters import Parameter
from pilothouse.pipelines.evaluation import evaluate_due


@workflows.register("evaluate_windows")
class EvaluateWindowsWorkflow:
    """The evaluation of a deployment, on demand or by a schedule."""

    title = "Evaluation"
    description = (
        "Evaluates the due windows one by one, reacts to alerts that fire, and asks the triggers "
        "of the retraining policy."
    )
    parameters = (Parameter("deployment", "text", required=True, help="The deployment's name."),)

    @staticmethod
    def run(job: JobContext, deployment: str) -> dict[str, Any]:
        """One step finds the due windows, then each is a step of its own."""
        return evaluate_due(job, deployment)
