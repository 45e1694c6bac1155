"""CloudEvents 1.0 in structured JSON mode: one object with the attributes and the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from pilothouse.interop.events.messages import OutgoingMessage
from pilothouse.kit.parameters import Parameter

PLAIN, CLOUD_EVENTS = "json", "cloudevents"
CONTENT_TYPE = "application/cloudevents+json"
FORMAT = Parameter(
    "format",
    "choice",
    PLAIN,
    choices=(PLAIN, CLOUD_EVENTS),
    help="The object alone, or as the data of a CloudEvent.",
)


@dataclass(frozen=True)
class OutgoingEvent:
    """Something that happened: its id, which a repeated message keeps, its type and its object.

    Messages of one `key`, by default the id, stay in their order.
    """

    id: str
    type: str
    subject: str
    at: datetime
    data: Mapping[str, Any]
    key: str = ""


def outgoing(event: OutgoingEvent, source: str, form: str) -> OutgoingMessage:
    """The message of an event; `source` says which workspace it is from."""
    value: dict[str, Any] = dict(event.data)
    if form == CLOUD_EVENTS:
        value = {
            "specversion": "1.0",
            "id": event.id,
            "source": source,
            "type": f"pilothouse.{event.type}",
            "subject": event.subject,
            "time": event.at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": value,
        }
    return OutgoingMessage(
        event.key or event.id, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    )


def source_of(public_url: str, workspace: str) -> str:
    """The source of a workspace's events: its public address, or its name."""
    return public_url.rstrip("/") or f"/pilothouse/{workspace}"
