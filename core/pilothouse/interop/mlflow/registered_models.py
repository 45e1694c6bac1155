"""Registered models over the protocol: names, descriptions, tags, aliases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity.actors import MLFLOW
from pilothouse.deployments.tables import Deployment
from pilothouse.interop.limits import (
    MAX_KEY_LENGTH,
    MAX_MODEL_NAME_LENGTH,
    MAX_MODEL_NOTE_LENGTH,
    MAX_MODEL_TAG_LENGTH,
)
from pilothouse.interop.mlflow.errors import exists, invalid, too_long
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Answer, Call, Route, read_route, write_route
from pilothouse.interop.mlflow.version_serialisation import (
    find_model,
    find_version,
    latest_versions,
    models,
    stage_of,
    versions,
)
from pilothouse.kit.errors import Conflict, Refused
from pilothouse.people.persons import active_people
from pilothouse.registry import (
    deletion,
    external_changes,
    integrity,
    measurement_jobs,
    promotion,
    stages,
    tags,
)
from pilothouse.registry import versions as registry_versions
from pilothouse.registry.gates import Verdict
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.policy import Approvals
from pilothouse.registry.promotion import PromotionRequest
from pilothouse.registry.tables import (
    CHAMPION,
    PENDING,
    PRODUCTION,
    REFUSED,
    Alias,
    Model,
    ModelVersion,
)
from pilothouse.registry.versions import add_model

MAX_ALIAS_LENGTH = 255
VALID_ALIAS = re.compile(r"[\w-]+")
RESERVED_ALIAS = re.compile(r"v\d+", re.IGNORECASE)
REASON = "asked for by an MLflow client"
Json = dict[str, Any]


def _create(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, model_tags = _name(fields, "name"), tags_of(fields)
    if session.get(Model, name) is not None:
        raise exists(f"Registered Model (name={name}) already exists.")
    note = fields.text("description", max_length=MAX_MODEL_NOTE_LENGTH)
    made = add_model(session, call.store, name, note, model_tags)
    return _response(session, made)


def _name(fields: Fields, field: str) -> str:
    name = fields.required(field)
    if "/" in name or ":" in name:
        raise invalid(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    if len(name) > MAX_MODEL_NAME_LENGTH:
        raise too_long(field, MAX_MODEL_NAME_LENGTH)
    return name


def tags_of(fields: Fields) -> dict[str, str]:
    """Tags of a model or a version, checked."""
    rows = fields.rows("tags")
    return {
        r.required("key", max_length=MAX_KEY_LENGTH): r.text(
            "value", max_length=MAX_MODEL_TAG_LENGTH
        )
        for r in rows
    }


def _response(session: Session, model: Model) -> Json:
    return {"registered_model": models(session, [model])[0]}


def _get(call: Call) -> Json:
    return _response(call.session, find_model(call.session, call.fields.required("name")))


def _update(call: Call) -> Json:
    model = find_model(call.session, call.fields.required("name"))
    note = call.fields.text("description", max_length=MAX_MODEL_NOTE_LENGTH)
    external_changes.annotate_model(call.session, call.store, model, note)
    return _response(call.session, model)


def _rename(call: Call) -> Json:
    model = find_model(call.session, call.fields.required("name"))
    name = _name(call.fields, "new_name")
    if call.session.get(Model, name) is not None:
        raise exists(f"Registered Model (name={name}) already exists.")
    refuse_if_served(call.session, model.name)
    return _response(call.session, deletion.rename(call.session, call.store, model, name))


def _delete(call: Call) -> Json:
    model = find_model(call.session, call.fields.required("name"))
    refuse_if_served(call.session, model.name)
    deletion.delete_model(call.session, call.store, model)
    return {}


def refuse_if_served(session: Session, model: str) -> None:
    """Raise Conflict when a deployment uses the model by its name."""
    query = select(col(Deployment.name)).where(col(Deployment.model) == model)
    deployment = session.scalars(query).first()
    if deployment is not None:
        raise Conflict(f"{model!r} is served by the deployment {deployment!r}.")


def _set_tag(call: Call) -> Json:
    fields = call.fields
    name, key = fields.required("name"), fields.required("key", max_length=MAX_KEY_LENGTH)
    value = fields.text("value", max_length=MAX_MODEL_TAG_LENGTH)
    find_model(call.session, name)
    tags.set_model_tag(call.session, call.store, name, key, value)
    return {}


def _delete_tag(call: Call) -> Json:
    name, key = call.fields.required("name"), call.fields.required("key")
    find_model(call.session, name)
    tags.delete_model_tag(call.session, call.store, name, key)
    return {}


def _latest(call: Call) -> Json:
    model = find_model(call.session, call.fields.required("name"))
    selected_stages = [stage_of(call.session, stage) for stage in call.fields.texts("stages")]
    rows = latest_versions(call.session, [model.name], selected_stages)
    return {"model_versions": versions(call.session, rows)} if rows else {}


def _set_alias(call: Call) -> Answer:
    fields, session = call.fields, call.session
    name, alias = fields.required("name"), _alias(fields)
    version = find_version(session, name, fields.required("version"))
    if alias != CHAMPION:
        stages.set_alias(session, call.store, name, alias, version.version, REASON)
    elif version.stage != PRODUCTION:
        return promote(call, version, PRODUCTION) or {}
    else:
        _point_champion(call, version)
    return {}


def _point_champion(call: Call, version: ModelVersion) -> None:
    """Make one of several versions in production the champion, when the gates pass."""
    session, name = call.session, version.model
    if session.get_one(Alias, (name, CHAMPION)).version == version.version:
        return
    decision = promotion.evaluate_gates(session, call.store, name, version.version, PRODUCTION)
    if not decision.accepted:
        raise _refusal(version, PRODUCTION, decision.verdicts)
    approvals = decision.policy.approvals if decision.policy is not None else Approvals()
    if not approvals.by_author and len(active_people(session)) > 1:
        raise _waiting(version, PRODUCTION, "archive the champion, and request a decision on it")
    stages.move_champion(session, call.store, name, version.version, REASON)


def _gated(session: Session, fields: Fields) -> VersionInfo | None:
    name, alias = fields.required("name"), _alias(fields)
    version = find_version(session, name, fields.required("version"))
    if alias != CHAMPION:
        return None
    pointed = session.get(Alias, (name, CHAMPION))
    is_champion = pointed is not None and pointed.version == version.version
    if version.stage == PRODUCTION and is_champion:
        return None
    return registry_versions.find(session, name, version.version)


def to_try(session: Session, version: ModelVersion, stage: str) -> VersionInfo | None:
    """A version that `promote` moves; None when it is in the stage already."""
    if version.stage == stage:
        return None
    return registry_versions.find(session, version.model, version.version)


def _alias(fields: Fields) -> str:
    alias = fields.required("alias")
    if not VALID_ALIAS.fullmatch(alias):
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


def promote(call: Call, version: ModelVersion, stage: str) -> Refused | None:
    """Promote a version as the screen does; the refusal to return, which leaves what is recorded.

    It says what the gates say, or that others must accept it: the promotion waits for them then.
    """
    if version.stage == stage:
        return None
    request = PromotionRequest(version.model, version.version, stage, REASON, origin="mlflow")
    candidate = registry_versions.find(call.session, version.model, version.version)
    integrity.require_sound(call.store, candidate)
    # The account that the server runs as decides nothing: without a person, it was a client.
    store = call.store if call.store.is_person else call.store.acting_as(MLFLOW)
    result = promotion.promote(call.session, store, request)
    if result.status == REFUSED:
        job = measurement_jobs.under_way(call.session, candidate)
        return _refusal(version, stage, result.newest_verdicts, job)
    if result.status == PENDING:
        return _waiting(version, stage, f"the promotion {result.id} waits for them")
    return None


def _refusal(
    version: ModelVersion, stage: str, verdicts: Sequence[Verdict], job: str = ""
) -> Refused:
    """The error that names what failed and where to go on: clients show only its message."""
    ref = f"{version.model}@{version.version}"
    reasons = "; ".join(verdict.message for verdict in verdicts if not verdict.passed)
    measuring = f" What they need is being measured: ask again when the job {job} has ended."
    return Refused(
        f"the gates before {stage} refuse {ref}: {reasons}.{measuring if job else ''} Decide on "
        f"the version's page in Pilothouse, or see `pilothouse models assess {version.model} "
        f"{version.version} {stage}`."
    )


def _waiting(version: ModelVersion, stage: str, next_step: str) -> Refused:
    ref = f"{version.model}@{version.version}"
    return Refused(f"the policy before {stage} asks others to accept {ref}: {next_step}.")


def _delete_alias(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, alias = fields.required("name"), fields.required("alias")
    find_model(session, name)
    if session.get(Alias, (name, alias)) is None:
        return {}
    if alias == CHAMPION:
        stages.move_champion(session, call.store, name, None, REASON)
    else:
        stages.set_alias(session, call.store, name, alias, None, REASON)
    return {}


def _by_alias(call: Call) -> Json:
    name, alias = call.fields.required("name"), call.fields.required("alias")
    find_model(call.session, name)
    row = call.session.get(Alias, (name, alias))
    if row is None:
        raise invalid(f"Registered model alias {alias} not found.")
    version = find_version(call.session, name, str(row.version))
    return {"model_version": versions(call.session, [version])[0]}


ROUTES: tuple[Route, ...] = (
    write_route("registered-models/create", _create),
    read_route("registered-models/get", _get),
    write_route("registered-models/update", _update, "PATCH"),
    write_route("registered-models/rename", _rename),
    write_route("registered-models/delete", _delete, "DELETE"),
    write_route("registered-models/set-tag", _set_tag),
    write_route("registered-models/delete-tag", _delete_tag, "DELETE"),
    read_route("registered-models/get-latest-versions", _latest, "GET", "POST"),
    Route(("POST",), "registered-models/alias", _set_alias, gated=_gated),
    write_route("registered-models/alias", _delete_alias, "DELETE"),
    read_route("registered-models/alias", _by_alias),
)
