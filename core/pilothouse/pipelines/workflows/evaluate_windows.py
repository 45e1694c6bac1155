"""Evaluate what has come in: every window of a deployment with something new in it."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import MONITOR
from pilothouse.jobs import JobContext, workflows
from pilothouse.kit.clock import from_ms


@workflows.register("evaluate_windows")
def evaluate_windows(job: JobContext, deployment: str) -> dict[str, Any]:
    """Evaluate the due windows one by one, each as a step, and react to alerts that fire."""
    job = job.acting_as(MONITOR)
    due = job.compute(
        "find due windows", "pilothouse.monitoring.evaluate:due_job", deployment=deployment
    )
    evaluated = []
    for number, (start_ms, end_ms) in enumerate(due):
        job.span(number / len(due), (number + 1) / len(due))
        evaluated.append(
            job.compute(
                f"evaluate {from_ms(start_ms):%d %b %Y}",
                "pilothouse.pipelines.evaluation:evaluate",
                deployment=deployment,
                start_ms=start_ms,
                end_ms=end_ms,
            )
        )
    return {"windows": len(evaluated), "fired": sum(len(each["fired"]) for each in evaluated)}
