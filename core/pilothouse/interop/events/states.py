"""How connections do: their state, their last error, and what they have counted.

Written when something changed and not with every look, so that readers of the workspace keep what
they have read.
"""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.interop.tables import EventState
from pilothouse.storage import Store

STARTING, WORKING, RETRYING, PAUSED = "starting", "working", "retrying", "paused"
MAX_ERROR = 500


def begin(session: Session, store: Store, connection: str) -> None:
    """A connection was added or changed: it is started anew, and its counts stay."""
    row = session.get(EventState, connection)
    row = row or EventState(connection_id=connection, state=STARTING, changed_at=store.now())
    row.state, row.error, row.failures, row.changed_at = STARTING, "", 0, store.now()
    session.add(row)
    session.flush()


def works(store: Store, connection: str, lag: int | None) -> None:
    """A connection works, and so much waits; nothing is written when that is known."""
    with store.read() as session:
        row = session.get(EventState, connection)
    if row is None or (row.state, row.error, row.lag) == (WORKING, "", lag):
        return
    with store.write() as session:
        row = session.get_one(EventState, connection)
        row.state, row.error, row.failures, row.lag = WORKING, "", 0, lag
        row.changed_at = store.now()
        session.add(row)


def fails(store: Store, connection: str, error: str) -> None:
    """A connection failed and is tried again."""
    with store.write() as session:
        row = session.get_one(EventState, connection)
        if row.state != RETRYING or row.error != error[:MAX_ERROR]:
            row.changed_at = store.now()
        row.state, row.error = RETRYING, error[:MAX_ERROR]
        row.failures += 1
        session.add(row)


def count(session: Session, store: Store, connection: str, messages: int, taken: int) -> None:
    """Count messages and what was taken of them, in the transaction that stores them."""
    row = session.get_one(EventState, connection)
    row.messages += messages
    row.taken += taken
    row.last_at = store.now()
    session.add(row)
    session.flush()


def count_aside(session: Session, connection: str, more: int) -> None:
    """Count messages that were set aside, or no longer are."""
    row = session.get_one(EventState, connection)
    row.set_aside = max(row.set_aside + more, 0)
    session.add(row)
    session.flush()
