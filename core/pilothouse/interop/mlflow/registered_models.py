"""Registered models over the protocol: names, descriptions, tags, aliases."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.deployments.tables import Deployment
from pilothouse.interop.mlflow.errors import exists, invalid, too_long
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, reading, writing
from pilothouse.interop.mlflow.version_serialisation import (
    find_model,
    find_version,
    latest_versions,
    models,
    stage_of,
    versions,
)
from pilothouse.kit.errors import Conflict, Refused
from pilothouse.registry import deletion, promotion, stages
from pilothouse.registry.promotion import PromotionRequest
from pilothouse.registry.tables import (
    CHAMPION,
    PRODUCTION,
    REFUSED,
    Alias,
    Model,
    ModelTag,
    ModelVersion,
    VersionTag,
)
from pilothouse.registry.versions import add_model

MAX_NAME_LENGTH, MAX_KEY_LENGTH, MAX_VALUE_LENGTH, MAX_ALIAS_LENGTH = 256, 250, 100_000, 255
MAX_NOTE_LENGTH = 100_000
GOOD_ALIAS = re.compile(r"[\w-]+")
RESERVED_ALIAS = re.compile(r"v\d+", re.IGNORECASE)
REASON = "asked for by an MLflow client"
Json = dict[str, Any]


def _create(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, tags = _name(fields, "name"), tags_of(fields)
    if session.get(Model, name) is not None:
        raise exists(f"Registered Model (name={name}) already exists.")
    note = fields.text("description", most=MAX_NOTE_LENGTH)
    made = add_model(session, call.store, name, note, tags)
    return _told(session, made)


def _name(fields: Fields, field: str) -> str:
    name = fields.needed(field)
    if "/" in name or ":" in name:
        raise invalid(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    if len(name) > MAX_NAME_LENGTH:
        raise too_long(field, MAX_NAME_LENGTH)
    return name


def tags_of(fields: Fields) -> dict[str, str]:
    """Tags of a model or a version, checked."""
    rows = fields.rows("tags")
    return {
        r.needed("key", most=MAX_KEY_LENGTH): r.text("value", most=MAX_VALUE_LENGTH) for r in rows
    }


def _told(session: Session, model: Model) -> Json:
    return {"registered_model": models(session, [model])[0]}


def _get(call: Call) -> Json:
    return _told(call.session, find_model(call.session, call.fields.needed("name")))


def _update(call: Call) -> Json:
    model = find_model(call.session, call.fields.needed("name"))
    before, model.note = model.note, call.fields.text("description", most=MAX_NOTE_LENGTH)
    model.updated_at = call.store.now()
    call.session.add(model)
    record(
        call.session,
        call.store,
        "annotated",
        "model",
        model.name,
        before={"note": before},
        after={"note": model.note},
    )
    return _told(call.session, model)


def _rename(call: Call) -> Json:
    model = find_model(call.session, call.fields.needed("name"))
    name = _name(call.fields, "new_name")
    if call.session.get(Model, name) is not None:
        raise exists(f"Registered Model (name={name}) already exists.")
    refuse_served(call.session, model.name)
    return _told(call.session, deletion.rename(call.session, call.store, model, name))


def _delete(call: Call) -> Json:
    model = find_model(call.session, call.fields.needed("name"))
    refuse_served(call.session, model.name)
    deletion.delete_model(call.session, call.store, model)
    return {}


def refuse_served(session: Session, model: str) -> None:
    """Raise when a deployment knows the model by its name."""
    query = select(col(Deployment.name)).where(col(Deployment.model) == model)
    deployment = session.scalars(query).first()
    if deployment is not None:
        raise Conflict(f"{model!r} is served by the deployment {deployment!r}.")


def _set_tag(call: Call) -> Json:
    fields = call.fields
    name, key = fields.needed("name"), fields.needed("key", most=MAX_KEY_LENGTH)
    value = fields.text("value", most=MAX_VALUE_LENGTH)
    find_model(call.session, name)
    put_tag(call, ModelTag(model=name, key=key, value=value), name)
    return {}


def put_tag(call: Call, tag: ModelTag | VersionTag, ref: str) -> None:
    """Keep a tag of a model or a version, and write down that it was set."""
    key = (tag.model, tag.key) if isinstance(tag, ModelTag) else (tag.model, tag.version, tag.key)
    existing: Any = call.session.get(type(tag), key)
    before = None if existing is None else {tag.key: existing.value}
    call.session.merge(tag)
    call.session.flush()
    kind, after = ("model" if isinstance(tag, ModelTag) else "version"), {tag.key: tag.value}
    record(call.session, call.store, "tagged", kind, ref, before=before, after=after)


def _delete_tag(call: Call) -> Json:
    name, key = call.fields.needed("name"), call.fields.needed("key")
    find_model(call.session, name)
    take_tag(call, ModelTag, (name, key), name)
    return {}


def take_tag(
    call: Call, table: type[ModelTag] | type[VersionTag], key: tuple[str | int, ...], ref: str
) -> None:
    """Take a tag away, when it is there, and write down that it was."""
    existing: Any = call.session.get(table, key)
    if existing is None:
        return
    call.session.delete(existing)
    call.session.flush()
    kind = "model" if table is ModelTag else "version"
    record(call.session, call.store, "untagged", kind, ref, before={existing.key: existing.value})


def _latest(call: Call) -> Json:
    model = find_model(call.session, call.fields.needed("name"))
    selected_stages = [stage_of(stage) for stage in call.fields.texts("stages")]
    rows = latest_versions(call.session, [model.name], selected_stages)
    return {"model_versions": versions(call.session, rows)} if rows else {}


def _set_alias(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, alias = fields.needed("name"), _alias(fields)
    version = find_version(session, name, fields.needed("version"))
    if alias != CHAMPION:
        stages.set_alias(session, call.store, name, alias, version.version, REASON)
    elif version.import_source:
        stages.move_champion(session, call.store, name, version.version, REASON)
    else:
        promote(call, version, PRODUCTION)
    return {}


def _alias(fields: Fields) -> str:
    alias = fields.needed("alias")
    if not GOOD_ALIAS.fullmatch(alias):
        raise invalid(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores "
            "(_), and dashes (-)."
        )
    if len(alias) > MAX_ALIAS_LENGTH:
        raise too_long("alias", MAX_ALIAS_LENGTH)
    if alias.lower() == "latest":
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if RESERVED_ALIAS.fullmatch(alias):
        raise invalid(f"Version alias name '{alias}' is reserved.")
    return alias


def promote(call: Call, version: ModelVersion, stage: str) -> None:
    """Move one of our own versions up, when its gates let it. Raises Refused with their words."""
    if version.stage == stage:
        return
    request = PromotionRequest(version.model, version.version, stage, REASON, origin="mlflow")
    result = promotion.promote(call.session, call.store, request)
    if result.status == REFUSED:
        reasons = "; ".join(v.message for v in result.newest_verdicts if v.outcome != "passed")
        raise Refused(f"the gates before {stage} refuse {result.ref}: {reasons}")


def _delete_alias(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, alias = fields.needed("name"), fields.needed("alias")
    find_model(session, name)
    if session.get(Alias, (name, alias)) is None:
        return {}
    if alias == CHAMPION:
        stages.move_champion(session, call.store, name, None, REASON)
    else:
        stages.set_alias(session, call.store, name, alias, None, REASON)
    return {}


def _by_alias(call: Call) -> Json:
    name, alias = call.fields.needed("name"), call.fields.needed("alias")
    find_model(call.session, name)
    row = call.session.get(Alias, (name, alias))
    if row is None:
        raise invalid(f"Registered model alias {alias} not found.")
    version = find_version(call.session, name, str(row.version))
    return {"model_version": versions(call.session, [version])[0]}


ROUTES: tuple[Route, ...] = (
    writing("registered-models/create", _create),
    reading("registered-models/get", _get),
    writing("registered-models/update", _update, "PATCH"),
    writing("registered-models/rename", _rename),
    writing("registered-models/delete", _delete, "DELETE"),
    writing("registered-models/set-tag", _set_tag),
    writing("registered-models/delete-tag", _delete_tag, "DELETE"),
    reading("registered-models/get-latest-versions", _latest, "GET", "POST"),
    writing("registered-models/alias", _set_alias),
    writing("registered-models/alias", _delete_alias, "DELETE"),
    reading("registered-models/alias", _by_alias),
)
