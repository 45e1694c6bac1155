"""Our own positions: stored in the transaction of what was read, and where reading goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlmodel import Session, select

from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.tables import EventPosition
from pilothouse.storage import Store

OWN = ""  # the topic of positions in our own logs
Ends = tuple[int, int]
Lost = Callable[[Session, IncomingMessage, str], None]


class StoredPositions:
    """The positions of one connection, for a reader."""

    def __init__(self, store: Store, connection: str, start: str, lost: Lost) -> None:
        self._store, self._connection = store, connection
        self._start, self._lost = start, lost

    def next_position(self, topic: str, partition: int) -> int | None:
        """The position that is read next; None when the partition was never read."""
        with self._store.read() as session:
            return find(session, self._connection, topic, partition)

    def begin(self, topic: str, ends: Mapping[int, Ends]) -> dict[int, int]:
        """Where new partitions begin, stored before anything is read.

        Those that came into being later are read whole: nothing in them is older than the
        connection.
        """
        with self._store.write() as session:
            is_later = bool(read(session, self._connection))
            chosen = {
                partition: end if self._start == "newest" and not is_later else first
                for partition, (first, end) in ends.items()
            }
            for partition, position in chosen.items():
                keep(session, self._connection, topic, partition, position)
        return chosen

    def lost(self, topic: str, partition: int, missing: int, first: int) -> int:
        """Set aside that messages were deleted unread, or the topic was made anew; go on."""
        gone = f"{missing:,} to {first - 1:,} were deleted before they were read"
        anew = f"the topic was made anew: {missing:,} lies behind its end, so it is read again"
        message = IncomingMessage(topic, partition, missing, "", None)
        with self._store.write() as session:
            self._lost(session, message, f"messages {gone}." if missing < first else f"{anew}.")
            keep(session, self._connection, topic, partition, first)
        return first


def find(session: Session, connection: str, topic: str, partition: int) -> int | None:
    """A stored position; None without one."""
    row = session.get(EventPosition, (connection, topic, partition))
    return None if row is None else row.position


def read(session: Session, connection: str) -> dict[tuple[str, int], int]:
    """Every stored position of a connection."""
    query = select(EventPosition).where(EventPosition.connection_id == connection)
    return {(row.topic, row.partition): row.position for row in session.exec(query)}


def keep(session: Session, connection: str, topic: str, partition: int, position: int) -> None:
    """Store a position."""
    row = session.get(EventPosition, (connection, topic, partition))
    row = row or EventPosition(
        connection_id=connection, topic=topic, partition=partition, position=position
    )
    row.position = position
    session.add(row)
    session.flush()


def unread(
    session: Session, connection: str, messages: Sequence[IncomingMessage]
) -> list[IncomingMessage]:
    """Those that no transaction has stored as read: a message may be received twice."""
    stored = read(session, connection)
    return [m for m in messages if m.position >= stored.get((m.topic, m.partition), 0)]


def advance(session: Session, connection: str, messages: Sequence[IncomingMessage]) -> None:
    """Store that messages were read."""
    ends: dict[tuple[str, int], int] = {}
    for message in messages:
        key = message.topic, message.partition
        ends[key] = max(ends.get(key, 0), message.position + 1)
    for (topic, partition), position in ends.items():
        keep(session, connection, topic, partition, position)
