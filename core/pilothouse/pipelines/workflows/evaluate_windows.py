"""Evaluate what has come in: every window of a deployment with something new in it."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import MONITOR
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.clock import from_ms
from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.evaluate import due_job
from pilothouse.pipelines.evaluation import ask_triggers, evaluate

HOURS_MS = 23 * 60 * 60 * 1_000  # the shortest day there is


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
        job = job.acting_as(MONITOR)
        due = job.compute("find due windows", due_job, deployment=deployment)

        results = []
        for index, (start_ms, end_ms) in enumerate(due):
            job.span(index / len(due), (index + 1) / len(due))
            pattern = "%d %b %Y" if end_ms - start_ms >= HOURS_MS else "%d %b %Y %H:%M"
            results.append(
                job.compute(
                    f"evaluate {from_ms(start_ms):{pattern}}",
                    evaluate,
                    deployment=deployment,
                    start_ms=start_ms,
                    end_ms=end_ms,
                )
            )
        job.compute("ask what triggers a retraining", ask_triggers, deployment=deployment)
        fired = sum(len(result["fired"]) for result in results)
        return {"windows": len(results), "fired": fired}
