"""What flows in share: a reader at our own positions."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.interop.events import set_aside
from pilothouse.interop.events.flow_context import FlowContext
from pilothouse.interop.events.messages import IncomingMessage
from pilothouse.interop.events.positions import StoredPositions
from pilothouse.interop.events.systems import TopicReader, systems


def open_reader(context: FlowContext) -> TopicReader:
    """Read on where the stored positions are. Raises NotFound or Unavailable."""
    store, connection = context.store, context.connection_id

    def lost(session: Session, message: IncomingMessage, reason: str) -> None:
        set_aside.add(session, store, connection, message, reason)

    positions = StoredPositions(store, connection, context.options.text("start"), lost)
    return systems.get(context.system).reader(context.settings, positions)
