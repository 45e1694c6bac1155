"""Deletes the rows of a deployment's log that are older than its rule says."""

from __future__ import annotations

from datetime import datetime, timedelta

from pilothouse.deployments.log_rules import deletions, rules
from pilothouse.deployments.prediction_log import row_removal
from pilothouse.deployments.prediction_log.row_removal import LogCut, RemovedRows
from pilothouse.storage import Store


def kept_since(now: datetime, keep_days: int) -> datetime:
    """The midnight in UTC from which rows are kept."""
    return midnight(now - timedelta(days=keep_days))


def midnight(at: datetime) -> datetime:
    """The beginning of the day of an instant, as the log is kept by days."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def delete_older(store: Store, deployment: str, cut: LogCut, held_by: str) -> RemovedRows:
    """Delete what is older than a cut, and record it. Idempotent, as it is repeated after a kill.

    `held_by` says why rows of events are kept that the rule would let go. Raises NotFound.
    """
    with row_removal.exclusive(store.folder):
        removals = row_removal.older_rows(store.folder, deployment, cut)
        removed = row_removal.totals(removals)
        with store.write(durable=True) as session:
            rules.note_clean_up(session, store, deployment, held_by)
            if removals:
                deletions.record_retention(session, store, deployment, cut, removed)
        row_removal.remove(removals)
        row_removal.remove_rewards(store.folder, deployment, min(cut.events, cut.received).date())
    return removed
