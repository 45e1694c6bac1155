"""Evaluation of a window, and submission of the retrainings that its alerts request."""

from __future__ import annotations

import logging
from typing import Any

from pilothouse.activity.actors import MONITOR
from pilothouse.jobs import Progress
from pilothouse.monitoring.evaluate import evaluate_job
from pilothouse.pipelines import triggers
from pilothouse.storage import Store

log = logging.getLogger(__name__)


def evaluate(
    store: Store, progress: Progress, *, deployment: str, start_ms: int, end_ms: int
) -> dict[str, Any]:
    """Evaluate a window; `jobs` are the retrainings that alerts fired by it have asked for."""
    result = evaluate_job(store.acting_as(MONITOR), progress, deployment, start_ms, end_ms)
    with store.write() as session:
        jobs = [
            triggers.retrain_for_alert(session, store, deployment, alert, until_ms=end_ms)
            for alert in result["retrain"]
        ]
    return {**result, "jobs": [job for job in jobs if job is not None]}
