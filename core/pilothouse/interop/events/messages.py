"""Messages as every system shares them, and what is read from their JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pilothouse.deployments.gateway.request import MAX_EVENT_MS, MIN_MS, check_instants, excerpt
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Invalid

MAX_KEY = 200


@dataclass(frozen=True)
class IncomingMessage:
    """A message with its place. `set_aside` is its id where it was set aside before."""

    topic: str
    partition: int
    position: int
    key: str
    value: bytes | None
    sent_ms: int | None = None
    set_aside: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for an id or for a person."""
        return f"{self.topic}-{self.partition}-{self.position}"


@dataclass(frozen=True)
class OutgoingMessage:
    """A message to be sent; receivers that have had its key drop it."""

    key: str
    value: bytes


@dataclass(frozen=True)
class PreviewedMessage:
    """A message as it would be read or sent, with what would become of it."""

    key: str
    payload: str
    result: str
    is_good: bool
    position: str = ""


@dataclass(frozen=True)
class BadMessage:
    """A message that cannot be used, and why."""

    message: IncomingMessage
    reason: str


def read_objects(message: IncomingMessage) -> list[dict[str, Any]]:
    """The objects of a message: its value is one, or a list of them. Raises Invalid."""
    if not message.value:
        raise Invalid("it has no value.")
    try:
        value = orjson.loads(message.value)
    except ValueError as broken:
        raise Invalid(f"it is not JSON: {broken}.") from None
    objects = value if isinstance(value, list) else [value]
    if not objects or not all(isinstance(item, dict) for item in objects):
        raise Invalid("it must be an object, or a list of objects.")
    return objects


def field_of(value: dict[str, Any], path: str) -> Any:
    """The value of a field; `payload.after.id` is a field of a field. None without it."""
    if path in value:
        return value[path]
    part: Any = value
    for name in path.split("."):
        part = part.get(name) if isinstance(part, dict) else None
    return part


def instant_of(value: Any, message: IncomingMessage, now_ms: int) -> int:
    """Milliseconds: of a number or an ISO 8601 text; else when the message was sent.

    Raises Invalid for what is no instant.
    """
    if value is None:
        sent = message.sent_ms
        return sent if sent is not None and MIN_MS <= sent < MAX_EVENT_MS else now_ms
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise Invalid(f"{excerpt(value)} is no instant.") from None
        if at.tzinfo is None:
            raise Invalid(f"the instant {excerpt(value)} has no time zone.")
        value = to_ms(at)
    check_instants("the instant", [value])
    return int(value)


def payload_text(value: bytes | None, most: int = 2_000) -> str:
    """A payload for people: its text, shortened."""
    text = (value or b"")[:most].decode("utf-8", "replace")
    return text + ("…" if len(value or b"") > most else "")
