"""Removal of environments that nothing uses: by last use, until they fit their limit."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.environments import folders
from pilothouse.environments.info import CollectedEnvironments
from pilothouse.environments.requests import KIND, Deployed, job_has_ended, uses_of
from pilothouse.environments.tables import BUILT, IN_PROGRESS, REMOVED, ModelEnvironment
from pilothouse.storage import Store

GRACE = timedelta(hours=1)  # what was used a moment ago may be on its way into a deployment
HINT = "Build it again; its lock is kept."
log = logging.getLogger(__name__)


def collect(
    store: Store, deployed: Deployed, *, limit_bytes: int, reason: str = ""
) -> CollectedEnvironments:
    """Remove the environments that were used longest ago, until all take at most the limit.

    Never one that `deployed` names, that is being built, or that was used within an hour. Their
    rows stay with their locks, in the state removed. The cache stays too, for it builds the next.
    """
    before = folders.disk_bytes(store)
    with store.read() as session:
        building = frozenset(_in_progress(session))
    folders.remove_leftovers(store, building=building)

    left, removed = folders.disk_bytes(store), []
    for name in _candidates(store, deployed):
        if left <= limit_bytes:
            break
        if _remove(store, name, deployed, reason):
            removed.append(name)
            left = folders.disk_bytes(store)
    return CollectedEnvironments(tuple(removed), max(before - left, 0), left)


def _in_progress(session: Session) -> list[str]:
    query = select(ModelEnvironment).where(col(ModelEnvironment.state).in_(IN_PROGRESS))
    return [row.hash for row in session.exec(query) if row.hash]


def _candidates(store: Store, deployed: Deployed) -> list[str]:
    """Ids of environments that may be removed, the one used longest ago first."""
    query = (
        select(ModelEnvironment)
        .where(ModelEnvironment.state == BUILT, col(ModelEnvironment.hash).is_not(None))
        .where(col(ModelEnvironment.bytes) > 0)
        .order_by(col(ModelEnvironment.used_at))
    )
    with store.read() as session:
        return [row.id for row in session.exec(query) if _may_go(session, store, row, deployed)]


def _may_go(session: Session, store: Store, row: ModelEnvironment, deployed: Deployed) -> bool:
    if row.used_at is not None and row.used_at > store.now() - GRACE:
        return False
    subjects = {use.subject for use in uses_of(session, row.id)}
    return not subjects & set(deployed(session)) and job_has_ended(session, row.job)


def _remove(store: Store, name: str, deployed: Deployed, reason: str) -> bool:
    """Remove a folder, once its row says so: a deployment that starts meanwhile is told no."""
    with store.write() as session:
        row = session.get(ModelEnvironment, name)
        if row is None or row.hash is None or not _may_go(session, store, row, deployed):
            return False
        row.state, row.message, row.hint = REMOVED, "It had not been used for longest.", HINT
        row.updated_at = store.now()
        session.add(row)
        freed = {"bytes": row.bytes, "used_at": row.used_at and row.used_at.isoformat()}
        record(session, store, "collected", KIND, row.id, before=freed, reason=reason)
        folder = row.hash
    with folders.locked(store, folder):
        folders.remove(store, folder)
    log.info("removed environment %s", name)
    return True
