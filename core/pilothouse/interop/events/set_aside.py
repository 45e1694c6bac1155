"""Messages that were set aside: they block nothing, are counted, and are tried again or dismissed.

A payload is kept until the message is used or dismissed, at most for `RETENTION`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.interop.events import states
from pilothouse.interop.events.messages import IncomingMessage, payload_text
from pilothouse.interop.tables import EventConnection, EventState, SetAsideMessage
from pilothouse.kit.clock import from_ms, to_ms
from pilothouse.kit.errors import Conflict
from pilothouse.kit.ids import uuid7
from pilothouse.storage import Store

ASIDE, RETRY, USED, DISMISSED, EXPIRED = "set aside", "retry", "used", "dismissed", "expired"
ERASED = "erased"
WORD = re.compile(r"[^\s,;|\"']+")
MAX_PAYLOAD = 64 * 1024  # of a message that can be tried again
MAX_KEPT = 10_000  # of one connection; of more only the count is kept
MAX_REASON = 500
RETENTION = timedelta(days=30)


@dataclass(frozen=True)
class SetAsideInfo:
    """A message that could not be used. `payload` is shortened; `can_retry` says if it is whole."""

    id: str
    topic: str
    partition: int
    position: int
    key: str
    payload: str
    size: int
    reason: str
    status: str
    can_retry: bool
    sent_at: datetime | None
    set_aside_at: datetime


def add(
    session: Session, store: Store, connection: str, message: IncomingMessage, reason: str
) -> None:
    """Set a message aside; one that was tried again gets its new reason."""
    if message.set_aside:
        row = session.get_one(SetAsideMessage, message.set_aside)
        row.status, row.reason = ASIDE, reason[:MAX_REASON]
        session.add(row)
        session.flush()
        return
    states.count_aside(session, connection, 1)
    if session.get_one(EventState, connection).set_aside > MAX_KEPT:
        return
    value = message.value
    session.add(
        SetAsideMessage(
            id=uuid7(to_ms(store.now())),
            connection_id=connection,
            topic=message.topic,
            partition=message.partition,
            position=message.position,
            key=message.key,
            payload=None if value is None else value[:MAX_PAYLOAD],
            size=len(value or b""),
            sent_at=None if message.sent_ms is None else from_ms(message.sent_ms),
            reason=reason[:MAX_REASON],
            status=ASIDE,
            set_aside_at=store.now(),
        )
    )
    session.flush()


def messages(session: Session, connection: str, limit: int) -> list[SetAsideInfo]:
    """What is set aside, or waits to be tried again; the newest first."""
    return [_info(row) for row in _of(session, connection, (ASIDE, RETRY), limit)]


def request_retry(
    session: Session, store: Store, row: EventConnection, ids: Sequence[str], reason: str
) -> int:
    """Have messages tried again by the worker; how many. Raises Conflict for one that is cut."""
    chosen = [item for item in _of(session, row.id, (ASIDE,)) if not ids or item.id in ids]
    cut = [item for item in chosen if not _is_whole(item)]
    if ids and cut:
        raise Conflict(
            f"{len(cut)} of these messages are not kept whole.",
            hint="Send them again, and dismiss them here.",
        )
    chosen = [item for item in chosen if _is_whole(item)]
    for item in chosen:
        item.status = RETRY
        session.add(item)
    session.flush()
    _record(session, store, row, "retried", len(chosen), reason)
    return len(chosen)


def dismiss(
    session: Session, store: Store, row: EventConnection, ids: Sequence[str], reason: str
) -> int:
    """Dismiss messages, all without ids; how many. Their payloads are deleted."""
    chosen = [item for item in _of(session, row.id, (ASIDE,)) if not ids or item.id in ids]
    for item in chosen:
        _end(session, store, item, DISMISSED)
    states.count_aside(session, row.id, -len(chosen))
    _record(session, store, row, "dismissed", len(chosen), reason)
    return len(chosen)


def requested(session: Session, connection: str, limit: int) -> list[IncomingMessage]:
    """The messages that somebody wants tried again, the oldest first."""
    return [
        IncomingMessage(
            row.topic,
            row.partition,
            row.position,
            row.key,
            row.payload,
            None if row.sent_at is None else to_ms(row.sent_at),
            set_aside=row.id,
        )
        for row in reversed(_of(session, connection, (RETRY,), limit))
    ]


def set_aside_at(session: Session, message: IncomingMessage) -> datetime:
    """When a message that is tried again was set aside."""
    return session.get_one(SetAsideMessage, message.set_aside).set_aside_at


def use(session: Session, store: Store, connection: str, message: IncomingMessage) -> None:
    """A message that was tried again could be used."""
    _end(session, store, session.get_one(SetAsideMessage, message.set_aside), USED)
    states.count_aside(session, connection, -1)


def remove_old(session: Session, store: Store, connection: str) -> int:
    """Delete the payloads of what has waited for too long; how many."""
    late = store.now() - RETENTION
    old = [row for row in _of(session, connection, (ASIDE, RETRY)) if row.set_aside_at < late]
    for row in old:
        _end(session, store, row, EXPIRED)
    if old:
        states.count_aside(session, connection, -len(old))
    return len(old)


def holding(session: Session, holds: Callable[[Any], bool]) -> list[str]:
    """The ids of the messages whose key or payload has a value of an entity."""
    query = select(SetAsideMessage).where(col(SetAsideMessage.status).in_((ASIDE, RETRY)))
    return [
        row.id
        for row in session.exec(query)
        if holds(row.key) or any(map(holds, _values(row.payload or b"")))
    ]


def erase(session: Session, store: Store, ids: Sequence[str], reason: str) -> None:
    """Delete the payloads and keys of messages; where they stood is kept."""
    query = select(SetAsideMessage).where(col(SetAsideMessage.id).in_(ids))
    for item in list(session.exec(query)):
        item.key = ""
        _end(session, store, item, ERASED)
        states.count_aside(session, item.connection_id, -1)
        connection = session.get_one(EventConnection, item.connection_id)
        _record(session, store, connection, "erased", 1, reason)


def _values(payload: bytes) -> Iterator[Any]:
    """What a payload holds: the values of its JSON, else its words."""
    try:
        yield from _scalars(json.loads(payload))
    except ValueError:
        yield from WORD.findall(payload.decode("utf-8", "replace"))


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _scalars(part)
    else:
        yield value


def _of(
    session: Session, connection: str, statuses: Sequence[str], limit: int | None = None
) -> list[SetAsideMessage]:
    query = select(SetAsideMessage).where(
        SetAsideMessage.connection_id == connection, col(SetAsideMessage.status).in_(statuses)
    )
    newest = col(SetAsideMessage.set_aside_at).desc(), col(SetAsideMessage.position).desc()
    query = query.order_by(*newest, col(SetAsideMessage.id))
    return list(session.exec(query if limit is None else query.limit(limit)))


def _is_whole(row: SetAsideMessage) -> bool:
    return row.payload is not None and len(row.payload) == row.size


def _end(session: Session, store: Store, row: SetAsideMessage, status: str) -> None:
    row.status, row.payload = status, None
    row.ended_at, row.ended_by = store.now(), store.actor
    session.add(row)
    session.flush()


def _record(
    session: Session, store: Store, row: EventConnection, verb: str, number: int, reason: str
) -> None:
    if number:
        record(
            session, store, verb, "event_connection", row.id,
            name=row.name, after={"messages": number}, reason=reason,
        )  # fmt: skip


def _info(row: SetAsideMessage) -> SetAsideInfo:
    return SetAsideInfo(
        id=row.id,
        topic=row.topic,
        partition=row.partition,
        position=row.position,
        key=row.key,
        payload=payload_text(row.payload),
        size=row.size,
        reason=row.reason,
        status=row.status,
        can_retry=_is_whole(row),
        sent_at=row.sent_at,
        set_aside_at=row.set_aside_at,
    )
