"""Deliveries: which one is due, its attempts, and when it is tried again.

An attempt is recorded before it is made. A process that is killed meanwhile makes it again after a
lease, under the same id: at least once, and an attempt that kills its process is not repeated
without end. A channel's deliveries go out in their order, so that no end of an alert overtakes its
beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, select

from pilothouse.monitoring.tables import (
    FAILED,
    QUEUED,
    SENT,
    TEST,
    Channel,
    NotificationDelivery,
)
from pilothouse.storage import Store

# How long until the next attempt, after each: 2 s, 12 s, 72 s, 7 min, then half an hour for 20 h,
# so that a receiver that was down for a night has what it missed soon after.
RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (2, 12, 72, 432, *[1_800] * 40))
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
LEASE = timedelta(seconds=30)  # longer than an attempt may take
MAX_ERROR = 500


@dataclass(frozen=True)
class NotificationRequest:
    """What is sent, and where; a retry keeps its id."""

    id: str
    channel_id: str
    address: str
    kind: str
    severity: str
    title: str
    body: str


Send = Callable[[NotificationRequest], str]


def is_any_due(store: Store) -> bool:
    """Whether there is something to send now."""
    with store.read() as session:
        return bool(_due(session, store))


def deliver_due(store: Store, send: Send) -> int:
    """Send what is due, one after the other; how many attempts. `send` returns an error or ""."""
    attempts = 0
    while (request := take(store)) is not None:
        finish(store, request.id, send(request))
        attempts += 1
    return attempts


def take(store: Store) -> NotificationRequest | None:
    """The next delivery that is due, with its attempt recorded."""
    with store.write() as session:
        for row in _due(session, store, locked=True):
            channel = session.get_one(Channel, row.channel_id)
            if (not channel.enabled and row.kind != TEST) or channel.removed_at is not None:
                _end(session, store, row, FAILED, "The channel was disabled or removed.")
            elif row.attempts >= MAX_ATTEMPTS:
                _end(session, store, row, FAILED, row.error or "The last attempt did not end.")
            else:
                row.attempts += 1
                row.next_at = store.now() + LEASE
                session.add(row)
                return NotificationRequest(
                    row.id,
                    row.channel_id,
                    channel.address,
                    row.kind,
                    row.severity,
                    row.title,
                    row.body,
                )
    return None


def finish(store: Store, delivery: str, error: str) -> None:
    """Record the result of an attempt: sent, or when it is tried again."""
    with store.write() as session:
        row = session.get_one(NotificationDelivery, delivery)
        if row.status != QUEUED:
            return
        if not error:
            _end(session, store, row, SENT, "")
        elif row.kind == TEST or row.attempts >= MAX_ATTEMPTS:
            _end(session, store, row, FAILED, error)
        else:
            row.next_at = store.now() + RETRY_DELAYS[row.attempts - 1]
            row.error = error[:MAX_ERROR]
            session.add(row)


def _due(session: Session, store: Store, *, locked: bool = False) -> list[NotificationDelivery]:
    """The oldest queued delivery of each channel whose time has come, and every test.

    One that waits for longer than any pause was queued before the clock was set back.
    """
    now, longest = store.now(), max(*RETRY_DELAYS, LEASE)
    query = select(NotificationDelivery).where(NotificationDelivery.status == QUEUED)
    if locked:  # on PostgreSQL there may be two workers; SQLite has one writer anyway
        query = query.with_for_update()
    waiting = set()
    due = []
    for row in session.exec(
        query.order_by(col(NotificationDelivery.created_at), col(NotificationDelivery.id))
    ):
        if row.kind != TEST and row.channel_id in waiting:
            continue
        if row.kind != TEST:
            waiting.add(row.channel_id)
        if row.next_at <= now or row.next_at > now + longest:
            due.append(row)
    return due


def _end(
    session: Session, store: Store, row: NotificationDelivery, status: str, error: str
) -> None:
    row.status, row.ended_at, row.error = status, store.now(), error[:MAX_ERROR]
    session.add(row)
    session.flush()
