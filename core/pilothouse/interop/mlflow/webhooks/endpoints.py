"""Webhooks over the protocol: created, listed, updated, tested, deleted."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.interop.mlflow.errors import absent, invalid, missing
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route, write_route
from pilothouse.interop.mlflow.webhooks import addresses
from pilothouse.interop.mlflow.webhooks.events import (
    ACTIONS,
    ACTIVE,
    DISABLED,
    VERBS,
    example,
    payload,
)
from pilothouse.interop.mlflow.webhooks.http_delivery import DeliveryRequest, DeliveryResult, send
from pilothouse.interop.tables import Delivery, Webhook
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.kit.network_addresses import is_public_name
from pilothouse.storage import Store

NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
STATUSES = {"1": ACTIVE, "2": DISABLED, ACTIVE: ACTIVE, DISABLED: DISABLED}
DEFAULT_SIZE, MAX_RESULTS = 100, 1000
MAX_NOTE_LENGTH, MAX_SECRET_LENGTH = 1000, 1000
Json = dict[str, Any]


def _check_address(store: Store, fields: Fields) -> None:
    """Check the address of a request before anything is written."""
    url = fields.text("url")
    if not url:
        return
    try:
        target = addresses.parse(url)
        addresses.resolve(target, private=store.settings.webhook_private_addresses)
    except Unavailable as unresolved:
        # No address now: it is resolved and checked again at each delivery.
        if not is_public_name(target.host):
            raise invalid(str(unresolved)) from None
    except PilothouseError as refused:
        raise invalid(str(refused)) from None


def _create(call: Call) -> Json:
    fields, now = call.fields, call.store.now()
    name, url = fields.required("name"), fields.required("url")
    if not fields.rows("events"):
        raise missing("events")
    webhook = Webhook(
        id=str(uuid.uuid4()),
        name=_name(name),
        url=url,
        description=fields.text("description", max_length=MAX_NOTE_LENGTH),
        secret=fields.text("secret", max_length=MAX_SECRET_LENGTH) or None,
        status=_status(fields) or ACTIVE,
        events=_events(fields),
        created_at=now,
        updated_at=now,
    )
    call.session.add(webhook)
    call.session.flush()
    _note(call, "created", webhook)
    return {"webhook": _serialised(webhook)}


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise invalid(
            f"Webhook name {name[:100]!r} is invalid. It must start and end with a letter or "
            "digit, be less than 63 characters long, and contain only letters, digits, dots (.), "
            "underscores (_), and hyphens (-)."
        )
    return name


def _status(fields: Fields) -> str:
    value = fields.enum_text("status")
    if not value:
        return ""
    if value not in STATUSES:
        raise invalid(f"Invalid value {value[:100]!r} for parameter 'status' supplied.")
    return STATUSES[value]


def _events(fields: Fields) -> list[Json]:
    events: list[Json] = []
    for row in fields.rows("events"):
        event = _event(row)
        if event not in events:
            events.append(event)
    return events


def _event(row: Fields) -> Json:
    entity = _enum_value(row, "entity", tuple(ACTIONS))
    action = _enum_value(row, "action", VERBS)
    if action not in ACTIONS[entity]:
        raise invalid(
            f"Invalid action '{action}' for entity '{entity}'. "
            f"Valid actions are: {sorted(ACTIONS[entity])}"
        )
    return {"entity": entity, "action": action}


def _enum_value(row: Fields, name: str, members: tuple[str, ...]) -> str:
    """One of the members: by its name in capitals, or its number from 1."""
    value = row.enum_text(name)
    for number, word in enumerate(members, 1):
        if value in (word.upper(), str(number)):
            return word
    raise invalid(f"Invalid value {value[:100]!r} for parameter 'events' supplied: unknown {name}.")


def find(session: Session, webhook_id: str) -> Webhook:
    """The webhook of an id. Raises the protocol's error."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise absent(f"Webhook with ID {webhook_id} not found.")
    return webhook


def _serialised(webhook: Webhook) -> Json:
    """A webhook as the protocol writes it: everything but its secret."""
    fields: Json = {
        "webhook_id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "events": [{k: word.upper() for k, word in event.items()} for event in webhook.events],
        "status": webhook.status,
        "creation_timestamp": to_ms(webhook.created_at),
        "last_updated_timestamp": to_ms(webhook.updated_at),
    }
    return fields | ({"description": webhook.description} if webhook.description else {})


def _get(call: Call) -> Json:
    return {"webhook": _serialised(find(call.session, call.fields.required("webhook_id")))}


def _list(call: Call) -> Json:
    size = call.fields.integer("max_results") or DEFAULT_SIZE
    if not 1 <= size <= MAX_RESULTS:
        raise invalid(f"max_results must be between 1 and {MAX_RESULTS}.")
    offset = offset_of(call.fields.text("page_token"))
    query = select(Webhook).order_by(col(Webhook.created_at).desc(), col(Webhook.id))
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    return page("webhooks", [_serialised(row) for row in rows], offset, size)


def _update(call: Call) -> Json:
    fields, session = call.fields, call.session
    webhook = find(session, fields.required("webhook_id"))
    before = _audit_facts(webhook)
    if name := fields.text("name"):
        webhook.name = _name(name)
    webhook.url = fields.text("url") or webhook.url
    webhook.events = _events(fields) or webhook.events
    webhook.status = _status(fields) or webhook.status
    if fields.has("description"):
        webhook.description = fields.text("description", max_length=MAX_NOTE_LENGTH)
    if fields.has("secret"):
        webhook.secret = fields.text("secret", max_length=MAX_SECRET_LENGTH) or None
    webhook.updated_at = call.store.now()
    session.add(webhook)
    session.flush()
    _note(call, "changed", webhook, before)
    return {"webhook": _serialised(webhook)}


def _delete(call: Call) -> Json:
    webhook = find(call.session, call.fields.required("webhook_id"))
    call.session.execute(delete(Delivery).where(col(Delivery.webhook_id) == webhook.id))
    call.session.delete(webhook)
    call.session.flush()
    _note(call, "deleted", webhook)
    return {}


def _send_test(store: Store, fields: Fields) -> DeliveryResult:
    """Send an example of an event to a webhook, outside of any transaction."""
    with store.read() as session:
        webhook = find(session, fields.required("webhook_id"))
        event_fields = fields.nested("event")
        event = _event(event_fields) if fields.has("event") else webhook.events[0]
    body = payload(example(event["entity"], event["action"]), store)
    request = DeliveryRequest(str(uuid.uuid4()), webhook.url, webhook.secret or "", body)
    return send(request, private=store.settings.webhook_private_addresses)


def _test(call: Call) -> Json:
    delivery: DeliveryResult = call.prepared
    if delivery.code is None:
        message = f"Failed to test webhook: {delivery.error}"
        return {"result": {"success": False, "error_message": message}}
    result: Json = {"success": delivery.delivered, "response_status": delivery.code}
    return {"result": result | {"response_body": delivery.body}}


def _audit_facts(webhook: Webhook) -> Json:
    """What the activity log keeps. Only the host: a URL may contain a key."""
    events = [f"{event['entity']}.{event['action']}" for event in webhook.events]
    host = addresses.parse(webhook.url).host
    return {"name": webhook.name, "host": host, "status": webhook.status, "events": events}


def _note(call: Call, verb: str, webhook: Webhook, before: Mapping[str, Any] | None = None) -> None:
    after = None if verb == "deleted" else _audit_facts(webhook)
    record(
        call.session,
        call.store,
        verb,
        "webhook",
        webhook.id,
        name=webhook.name,
        before=before,
        after=after,
    )


ROUTES: tuple[Route, ...] = (
    Route(("POST",), "webhooks", _create, prepare=_check_address),
    read_route("webhooks", _list),
    read_route("webhooks/{webhook_id}", _get),
    Route(("PATCH",), "webhooks/{webhook_id}", _update, prepare=_check_address),
    write_route("webhooks/{webhook_id}", _delete, "DELETE"),
    Route(("POST",), "webhooks/{webhook_id}/test", _test, writes=False, prepare=_send_test),
)
