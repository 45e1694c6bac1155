"""Webhooks: addresses that hear of events in the registry, as MLflow's own server tells them.

Every command on a model or a version is an entry of the activity log, written in the transaction
of the change, whoever gave it: a client, a screen, a job. `listen` makes the log tell `events` of
each entry, and what an entry means for a webhook is written as a delivery in that same
transaction. So no room has to know of webhooks, and no event is lost between a commit and a call.
The server's `courier` brings deliveries on their way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlmodel import Session

from pilothouse.activity import subscribe
from pilothouse.activity.tables import ActivityEntry
from pilothouse.storage import Store

KINDS = ("model", "version")
_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def listen() -> None:
    """Let webhooks hear of whatever this process does in the registry."""
    subscribe("webhooks", _hear)


@contextmanager
def quiet() -> Iterator[None]:
    """Within, nothing is news: what an import writes into the registry happened long ago."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def _hear(session: Session, store: Store, entry: ActivityEntry) -> None:
    if entry.kind in KINDS and not _quiet.get():
        from pilothouse.interop.mlflow.webhooks.events import note

        note(session, store, entry)
