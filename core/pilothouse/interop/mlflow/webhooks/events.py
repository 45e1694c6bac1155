"""From an entry of the activity log to webhook events, with the protocol's names and payloads."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.activity.tables import ActivityEntry
from pilothouse.interop.tables import Delivery, Webhook
from pilothouse.registry.tables import (
    CHAMPION,
    Model,
    ModelTag,
    ModelVersion,
    ModelVersionOrigin,
    VersionTag,
)
from pilothouse.storage import Store

ACTIVE, DISABLED = "ACTIVE", "DISABLED"
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
CREATED, SET, DELETED, UPDATED, EXCEEDED = "created", "set", "deleted", "updated", "exceeded"
MODEL, VERSION = "registered_model", "model_version"
VERSION_TAG, VERSION_ALIAS = "model_version_tag", "model_version_alias"
# The actions of each entity, in the order of the protocol's numbers. A budget is never exceeded
# here, but a webhook may subscribe to it.
ACTIONS: dict[str, tuple[str, ...]] = {
    MODEL: (CREATED,),
    VERSION: (CREATED,),
    VERSION_TAG: (SET, DELETED),
    VERSION_ALIAS: (CREATED, DELETED),
    "prompt": (CREATED,),
    "prompt_version": (CREATED,),
    "prompt_tag": (SET, DELETED),
    "prompt_version_tag": (SET, DELETED),
    "prompt_alias": (CREATED, DELETED),
    "budget_policy": (EXCEEDED,),
}
VERBS = (CREATED, UPDATED, DELETED, SET, EXCEEDED)
# A prompt is a model with this tag; its events have names of their own.
IS_PROMPT, PROMPT_KIND, PROMPT_TEXT = (
    "mlflow.prompt.is_prompt",
    "mlflow.prompt.type",
    "mlflow.prompt.text",
)
PROMPT_ENTITIES = {
    MODEL: "prompt",
    VERSION: "prompt_version",
    VERSION_TAG: "prompt_version_tag",
    VERSION_ALIAS: "prompt_alias",
}
MODEL_TAG = "prompt_tag"  # the protocol has no event for tags of a model that is not a prompt
EXAMPLES: dict[str, dict[str, Any]] = {
    f"{MODEL}.{CREATED}": {
        "name": "example_model",
        "tags": {"example_key": "example_value"},
        "description": "An example registered model",
    },
    f"{VERSION}.{CREATED}": {
        "name": "example_model",
        "version": "1",
        "source": "models:/123",
        "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"},
        "description": "An example model version",
    },
}
Json = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """Something happened to an entity; `data` is the protocol's payload."""

    entity: str
    action: str
    data: Json


def enqueue(session: Session, store: Store, entry: ActivityEntry) -> None:
    """Write a delivery of an entry's events for each webhook that subscribes to them."""
    active = select(Webhook).where(Webhook.status == ACTIVE).order_by(col(Webhook.created_at))
    webhooks = session.exec(active).all()
    if not webhooks:
        return
    for event in _events(session, entry):
        text = payload(event, store)
        for webhook in webhooks:
            if {"entity": event.entity, "action": event.action} in webhook.events:
                session.add(_delivery(webhook, event, text, store))
    session.flush()


def payload(event: Event, store: Store) -> str:
    """The body that is sent of an event."""
    header = {"entity": event.entity, "action": event.action}
    return json.dumps(header | {"timestamp": store.now().isoformat(), "data": event.data})


def example(entity: str, action: str) -> Event:
    """An example event, for testing a webhook."""
    data = EXAMPLES.get(f"{entity}.{action}")
    if data is None:
        data = {"name": "example_model", "version": "1", "key": "example_key"}
        if action == SET:
            data["value"] = "example_value"
        if entity.endswith("_alias"):
            data = {"name": "example_model", "alias": "example_alias"}
            if action == CREATED:
                data["version"] = "1"
    return Event(entity, action, dict(data))


def _delivery(webhook: Webhook, event: Event, text: str, store: Store) -> Delivery:
    now = store.now()
    return Delivery(
        id=str(uuid.uuid4()),
        webhook_id=webhook.id,
        entity=event.entity,
        action=event.action,
        payload=text,
        status=PENDING,
        created_at=now,
        next_at=now,
    )


def _events(session: Session, entry: ActivityEntry) -> Iterator[Event]:
    model, _, number = entry.ref.rpartition("@") if entry.kind == "version" else (entry.ref, "", "")
    tags = _tags(session, ModelTag, model=model)
    is_prompt = tags.get(IS_PROMPT, "").lower() == "true"
    for event in _plain_events(session, entry, model, number, tags):
        if is_prompt:
            yield _prompt_event(event)
        elif event.entity != MODEL_TAG:
            yield event


def _plain_events(
    session: Session, entry: ActivityEntry, model: str, number: str, tags: Mapping[str, str]
) -> Iterator[Event]:
    before, after = entry.before or {}, entry.after or {}
    if entry.verb == "created" and entry.kind == "model":
        yield _model_created(session, model, tags)
    elif entry.verb == "registered":
        yield _version_created(session, model, int(number))
    elif entry.verb == "tagged":
        yield from _tagged(model, number, after, SET)
    elif entry.verb == "untagged":
        yield from _tagged(model, number, before, DELETED)
    elif entry.verb == "aliased":
        for alias, pointed in after.items():
            yield _alias(model, alias, pointed)
    elif CHAMPION in after and after[CHAMPION] != before.get(CHAMPION):
        pointed = after[CHAMPION]
        yield _alias(model, CHAMPION, pointed and pointed.rpartition("@")[2])


def _model_created(session: Session, name: str, tags: Mapping[str, str]) -> Event:
    model = session.get_one(Model, name)
    return Event(MODEL, CREATED, {"name": name, "tags": dict(tags), "description": model.note})


def _version_created(session: Session, model: str, number: int) -> Event:
    version = session.get_one(ModelVersion, (model, number))
    origin = session.get(ModelVersionOrigin, (model, number))
    run = origin.run if origin else version.run_id
    source = origin.source if origin else f"runs:/{run}/model" if run else version.import_source
    data = {
        "name": model,
        "version": str(number),
        "source": source,
        "run_id": run or None,
        "tags": _tags(session, VersionTag, model=model, version=number),
        "description": version.note or None,
    }
    return Event(VERSION, CREATED, data)


def _tagged(model: str, number: str, tags: Mapping[str, Any], action: str) -> Iterator[Event]:
    for key, value in tags.items():
        data: Json = {"name": model} | ({"version": number} if number else {}) | {"key": key}
        if action == SET:
            data["value"] = value
        yield Event(VERSION_TAG if number else MODEL_TAG, action, data)


def _alias(model: str, alias: str, pointed: Any) -> Event:
    data: Json = {"name": model, "alias": alias}
    if pointed is None:
        return Event(VERSION_ALIAS, DELETED, data)
    return Event(VERSION_ALIAS, CREATED, data | {"version": str(pointed)})


def _tags(session: Session, table: Any, **owner: Any) -> dict[str, str]:
    query = select(table).filter_by(**owner).order_by(table.key)
    return {tag.key: tag.value for tag in session.scalars(query)}


def _prompt_event(event: Event) -> Event:
    data = dict(event.data)
    if event.entity in (MODEL, VERSION):
        tags = {k: v for k, v in data["tags"].items() if k not in (IS_PROMPT, PROMPT_KIND)}
        if event.entity == VERSION:
            data = {name: data[name] for name in ("name", "version", "description")}
            data["template"] = tags.pop(PROMPT_TEXT, None)
        data["tags"] = tags
    return Event(PROMPT_ENTITIES.get(event.entity, event.entity), event.action, data)
