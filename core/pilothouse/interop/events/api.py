"""Event connections as screens, commands and notebooks use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilothouse.interop.events import connections, set_aside
from pilothouse.interop.events.connections import ConnectionInfo, ConnectionSpec
from pilothouse.interop.events.messages import IncomingMessage, PreviewedMessage
from pilothouse.interop.events.set_aside import SetAsideInfo
from pilothouse.interop.events.systems import permissions_of
from pilothouse.storage.service import Service

PREVIEWED = 10


class Events(Service):
    """Connections that bring labels and requests, and that send predictions and alerts."""

    def connections(self) -> list[ConnectionInfo]:
        """The connections with their states and counts, by name."""
        with self._store.read() as session:
            return connections.connections(session)

    def connection(self, connection: str) -> ConnectionInfo:
        """One connection, by name or id. Raises NotFound."""
        with self._store.read() as session:
            return connections.info_of(session, connections.require(session, connection))

    def add(self, spec: ConnectionSpec) -> ConnectionInfo:
        """Add a connection; the worker opens it when it is enabled.

        Raises Invalid, naming each wrong field, Conflict for a taken name, NotFound without the
        deployment, Unavailable when the package of the system is not installed.
        """
        with self._store.write() as session:
            connection = connections.add(session, self._store, spec)
        return self.connection(connection)

    def change(self, connection: str, reason: str = "", **changes: Any) -> ConnectionInfo:
        """Change `name`, `enabled`, or some of the `settings` and `options`; positions stay.

        Raises NotFound, and Invalid for another topic to read: add another connection for that.
        """
        with self._store.write() as session:
            row = connections.require(session, connection)
            connections.change(session, self._store, row.id, changes, reason)
        return self.connection(row.id)

    def remove(self, connection: str, reason: str = "") -> None:
        """Remove a connection; what it brought or sent stays. Raises NotFound."""
        with self._store.write() as session:
            connections.remove(session, self._store, connection, reason)

    def preview(self, spec: ConnectionSpec) -> list[PreviewedMessage]:
        """Connect, and say what would become of the newest messages; nothing is written.

        Of a flow out, they are messages that would be sent. Raises as `add` does, Unavailable when
        nothing answers, NotFound without the topic.
        """
        with self._store.read() as session:
            checked = connections.check(session, spec)
        messages: list[IncomingMessage] = []
        if checked.flow.direction == connections.IN:
            messages = list(checked.system.newest(checked.settings, PREVIEWED))
        else:
            checked.system.writer(checked.settings, permissions_of(self._store)).close()
        return checked.flow.judge(self._store, spec.deployment, checked.options, messages)

    def set_aside(self, connection: str, limit: int = 100) -> list[SetAsideInfo]:
        """Messages of a connection that could not be used, the newest first. Raises NotFound."""
        with self._store.read() as session:
            row = connections.require(session, connection)
            return set_aside.messages(session, row.id, limit)

    def retry(self, connection: str, ids: Sequence[str] = (), reason: str = "") -> int:
        """Have messages that were set aside tried again, all without ids; how many.

        Raises NotFound, and Conflict for a message that was too large to be kept whole.
        """
        with self._store.write() as session:
            row = connections.require(session, connection)
            return set_aside.request_retry(session, self._store, row, ids, reason)

    def dismiss(self, connection: str, ids: Sequence[str] = (), reason: str = "") -> int:
        """Dismiss messages that were set aside, all without ids; how many. Raises NotFound."""
        with self._store.write() as session:
            row = connections.require(session, connection)
            return set_aside.dismiss(session, self._store, row, ids, reason)
