"""Environments of a workspace that was moved: their folders are on another machine."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.environments.requests import KIND
from pilothouse.environments.tables import (
    BUILT,
    CHECKING,
    IN_PROGRESS,
    READY,
    REMOVED,
    WANTED,
    EnvironmentUse,
    ModelEnvironment,
)
from pilothouse.storage import Store

MESSAGE = "It was built on another machine."
HINT = "Build it again; its lock is kept."


def forget_folders(session: Session, store: Store, reason: str) -> list[str]:
    """Note that no environment is built here; the ids of those that had been."""
    gone = select(ModelEnvironment).where(col(ModelEnvironment.state).in_((BUILT, *IN_PROGRESS)))
    rows = list(session.exec(gone))
    for row in rows:
        row.state, row.message, row.hint = REMOVED, MESSAGE, HINT
        row.updated_at = store.now()
        session.add(row)
        record(session, store, "collected", KIND, row.id, reason=reason)
    uses = select(EnvironmentUse).where(col(EnvironmentUse.state).in_((READY, CHECKING)))
    for use in session.exec(uses):
        use.state = WANTED
        session.add(use)
    return [row.id for row in rows]
