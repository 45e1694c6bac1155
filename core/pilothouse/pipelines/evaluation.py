"""Evaluation of a window, and the retrainings that its alerts and other triggers ask for."""

from __future__ import annotations

from typing import Any

from pilothouse.activity.actors import MONITOR
from pilothouse.jobs import Progress
from pilothouse.kit.clock import from_ms
from pilothouse.monitoring.evaluate import evaluate_job
from pilothouse.pipelines.automatic_retraining import consider
from pilothouse.storage import Store


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
