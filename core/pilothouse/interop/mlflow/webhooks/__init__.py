"""Webhooks: addresses that are called on events in the registry, as MLflow's own server calls them.

Every command on a model or a version is an entry of the activity log, written in the transaction
of the change, whoever gave it: a client, a screen, a job. `enable` subscribes to the log, and what
an entry means for a webhook is written as a delivery in that same transaction. So no room has to
know of webhooks, and no event is lost between a commit and a call. The server's
`delivery_worker` makes the calls.
"""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.activity import subscribe
from pilothouse.activity.tables import ActivityEntry
from pilothouse.interop import notifications
from pilothouse.storage import Store

KINDS = ("model", "version")


def enable() -> None:
    """Write deliveries for whatever this process changes in the registry."""
    subscribe("webhooks", _on_entry)


def _on_entry(session: Session, store: Store, entry: ActivityEntry) -> None:
    if entry.kind in KINDS and not notifications.are_suppressed():
        from pilothouse.interop.mlflow.webhooks.events import enqueue

        enqueue(session, store, entry)
