"""What flows out share: our own log is read behind a cursor, and the cursor follows the receiver.

At least once: the cursor moves when the receiver has taken everything up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pilothouse.interop.events import positions, set_aside, states
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.messages import (
    IncomingMessage,
    OutgoingMessage,
    PreviewedMessage,
    payload_text,
)
from pilothouse.interop.events.systems import permissions_of, systems
from pilothouse.kit.errors import Invalid


@dataclass(frozen=True)
class OutgoingBatch:
    """Messages, and the cursor behind the last of them."""

    messages: Sequence[OutgoingMessage]
    cursor: int


class OutgoingLog(Protocol):
    """One of our own logs, in the order in which it grows."""

    def after(self, cursor: int, most: int) -> OutgoingBatch:
        """About `most` messages behind a cursor; the same cursor without any."""
        ...

    def waiting(self, cursor: int) -> int | None:
        """How many messages are behind a cursor; None where that is not known."""
        ...


class Sender:
    """Sends what a log has behind the stored cursor."""

    def __init__(self, context: FlowContext, log: OutgoingLog) -> None:
        self._context, self._log = context, log
        system = systems.get(context.system)
        self._at_once = system.at_once
        self._writer = system.writer(context.settings, permissions_of(context.store))

    def step(self) -> int:
        """Send the next messages; how many."""
        store, connection = self._context.store, self._context.connection_id
        cursor = self._cursor()
        batch = self._log.after(cursor, self._at_once)
        if batch.cursor == cursor:
            return 0
        refused = [(message, why) for message in batch.messages if (why := self._write(message))]
        self._writer.flush()
        with store.write() as session:
            for message, why in refused:
                bad = IncomingMessage(positions.OWN, 0, batch.cursor, message.key, message.value)
                set_aside.add(session, store, connection, bad, why)
            positions.keep(session, connection, positions.OWN, 0, batch.cursor)
            number = len(batch.messages)
            states.count(session, store, connection, number, number - len(refused))
        return max(len(batch.messages), 1)

    def lag(self) -> int | None:
        """How many messages wait."""
        return self._log.waiting(self._cursor())

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _cursor(self) -> int:
        with self._context.store.read() as session:
            connection = self._context.connection_id
            return positions.find(session, connection, positions.OWN, 0) or 0

    def _write(self, message: OutgoingMessage) -> str:
        """Hand over a message; why it is never taken, or nothing."""
        try:
            self._writer.write(message.key, message.value)
        except Invalid as refused:
            return str(refused)
        return ""


def previews(messages: Sequence[OutgoingMessage]) -> list[PreviewedMessage]:
    """What would be sent, for a look."""
    return [
        PreviewedMessage(message.key, payload_text(message.value), "would be sent", True)
        for message in messages
    ]
