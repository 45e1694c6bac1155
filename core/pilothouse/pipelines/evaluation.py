"""Evaluation of a window, and the retrainings that its alerts and other triggers ask for."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import MONITOR
from pilothouse.jobs import JobContext, Progress
from pilothouse.kit.clock import from_ms
from pilothouse.monitoring.evaluate import due_job, evaluate_job
from pilothouse.pipelines.automatic_retraining import consider
from pilothouse.storage import Store

HOURS_MS = 23 * 60 * 60 * 1_000  # the shortest day there is


def evaluate(
    store: Store, progress: Progress, *, deployment: str, start_ms: int, end_ms: int
) -> dict[str, Any]:
    """Evaluate a window; `jobs` are the retrainings that alerts fired by it have asked for."""
    result = evaluate_job(store.acting_as(MONITOR), progress, deployment, start_ms, end_ms)
    if not result["retrain"]:
        return {**result, "jobs": []}
    job = consider(store, deployment, result["retrain"], from_ms(end_ms))
    return {**result, "jobs": [job] if job else []}


def ask_triggers(store: Store, progress: Progress, *, deployment: str) -> dict[str, Any]:
    """Ask the triggers of a deployment's retraining policy; `job` is a retraining it has led to."""
    return {"job": consider(store.acting_as(MONITOR), deployment)}


def evaluate_due(job: JobContext, deployment: str) -> dict[str, Any]:
    """Evaluate every due window of a deployment, each as a step, and ask the triggers."""
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
