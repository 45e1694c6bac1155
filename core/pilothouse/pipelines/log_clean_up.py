"""The deletion of old rows of a prediction log, as a child process runs it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pilothouse.deployments.log_rules import rules
from pilothouse.deployments.log_rules.clean_up import delete_older, kept_since, midnight
from pilothouse.deployments.prediction_log.row_removal import LogCut
from pilothouse.jobs import Progress
from pilothouse.monitoring.log_needs import needed_rows
from pilothouse.storage import Store


def clean_up(store: Store, progress: Progress, *, deployment: str) -> dict[str, Any]:
    """Delete what is older than a deployment keeps its rows, but for what its monitor needs.

    The result counts the rows; `held_by` says why events before `kept_since` are left. Idempotent.
    """
    with store.read() as session:
        keep_days = rules.rules_of(session, deployment).keep_days
    if keep_days is None:
        return {"deleted": {}, "held_by": ""}
    progress(0.1, "asking what monitoring needs")
    oldest = kept_since(store.now(), keep_days)
    needed = needed_rows(store, deployment, oldest)
    events = oldest if needed.since is None else midnight(min(oldest, needed.since))
    progress(0.3, f"deleting rows of events before {events:%Y-%m-%d}")
    held_by = needed.why if events < oldest else ""
    removed = delete_older(store, deployment, LogCut(events, oldest), held_by)
    return {
        "deleted": asdict(removed),
        "events_before": f"{events:%Y-%m-%d}",
        "kept_since": f"{oldest:%Y-%m-%d}",
        "held_by": held_by,
    }
