"""Model versions over the protocol: imported, described, moved between stages, removed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from pilothouse.experiments import logged_model_changes
from pilothouse.experiments.tables import LoggedModelTag, Run
from pilothouse.interop.limits import (
    MAX_KEY_LENGTH,
    MAX_MODEL_NOTE_LENGTH,
    MAX_MODEL_TAG_LENGTH,
)
from pilothouse.interop.mlflow import sources
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.registered_models import (
    REASON,
    promote,
    refuse_if_served,
    tags_of,
    to_try,
)
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Answer, Call, Route, read_route, write_route
from pilothouse.interop.mlflow.sources import resolve
from pilothouse.interop.mlflow.version_serialisation import (
    find_model,
    find_version,
    stage_name,
    stage_of,
    versions,
)
from pilothouse.registry import deletion, external_changes, external_versions, tags
from pilothouse.registry.info import VersionInfo
from pilothouse.registry.stage_ladder import stage_names
from pilothouse.registry.tables import UNGATED, ModelVersion, ModelVersionOrigin
from pilothouse.registry.versions import metrics_of_run, register_import

VERSIONS_TAG = "mlflow.modelVersions"
Json = dict[str, Any]


def _create(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, uri = fields.required("name"), fields.required("source")
    version_tags = tags_of(fields)
    note = fields.text("description", max_length=MAX_MODEL_NOTE_LENGTH)
    source = resolve(session, uri, fields.text("run_id"), fields.text("model_id"))
    find_model(session, name)
    imported = external_versions.version_source(
        call.store,
        source.files,
        source.origin(fields.text("run_link")),
        f"MLflow: {uri}",
        metrics_of_run(session, source.run_id),
        run=source.run_id if session.get(Run, source.run_id) else None,
        depends_on=source.rests_on,
    )
    imported = replace(imported, tags=version_tags)
    number = register_import(session, call.store, name, imported, note).version
    version = find_version(session, name, str(number))
    if source.model_id:
        _list_in_logged_model(session, source.model_id, name, number)
    return _response(session, version)


def _list_in_logged_model(session: Session, model_id: str, name: str, number: int) -> None:
    """Append to the tag in which a logged model lists its versions; clients append to it too."""
    tag = session.get(LoggedModelTag, (model_id, VERSIONS_TAG))
    try:
        listed = json.loads(tag.value) if tag else []
    except ValueError:
        listed = []
    entries = [*(listed if isinstance(listed, list) else []), {"name": name, "version": number}]
    logged_model_changes.write_tags(session, model_id, {VERSIONS_TAG: json.dumps(entries)})


def _response(session: Session, version: ModelVersion) -> Json:
    return {"model_version": versions(session, [version])[0]}


def _requested(call: Call) -> ModelVersion:
    fields: Fields = call.fields
    return find_version(call.session, fields.required("name"), fields.required("version"))


def _get(call: Call) -> Json:
    return _response(call.session, _requested(call))


def _download_uri(call: Call) -> Json:
    version = _requested(call)
    origin_row = call.session.get(ModelVersionOrigin, (version.model, version.version))
    return {"artifact_uri": sources.location_of(call.session, version, origin_row)}


def _update(call: Call) -> Json:
    version = _requested(call)
    note = call.fields.text("description", max_length=MAX_MODEL_NOTE_LENGTH)
    external_changes.annotate_version(call.session, call.store, version, note)
    return _response(call.session, version)


def _delete(call: Call) -> Json:
    version = _requested(call)
    refuse_if_served(call.session, version.model)
    deletion.delete_version(call.session, call.store, version)
    return {}


def _set_tag(call: Call) -> Json:
    fields = call.fields
    name, version_text = fields.required("name"), fields.required("version")
    key = fields.required("key", max_length=MAX_KEY_LENGTH)
    value = fields.text("value", max_length=MAX_MODEL_TAG_LENGTH)
    version = find_version(call.session, name, version_text)
    tags.set_version_tag(call.session, call.store, version, key, value)
    return {}


def _delete_tag(call: Call) -> Json:
    version, key = _requested(call), call.fields.required("key")
    tags.delete_version_tag(call.session, call.store, version, key)
    return {}


def _transition(call: Call) -> Answer:
    fields, session = call.fields, call.session
    fields.required("name")
    fields.required("version")
    stage = stage_of(session, fields.required("stage"))
    version, archives = _requested(call), fields.flag("archive_existing_versions")
    if archives and stage in UNGATED:
        active = [stage_name(name) for name in stage_names(session)]
        raise invalid(
            "Model version transition cannot archive existing model versions because "
            f"'{stage_name(stage)}' is not an Active stage. Valid stages are {active}"
        )
    if stage not in UNGATED:
        if (refusal := promote(call, version, stage)) is not None:
            return refusal
    elif version.stage != stage:
        external_changes.move(session, call.store, version, stage, REASON)
    if archives:  # after the gates, which compare the version with the champion
        external_changes.archive_others(session, call.store, version, stage, REASON)
    external_changes.touch(session, call.store, version)
    return _response(session, version)


def _gated(session: Session, fields: Fields) -> VersionInfo | None:
    stage = stage_of(session, fields.required("stage"))
    version = find_version(session, fields.required("name"), fields.required("version"))
    return to_try(session, version, stage) if stage not in UNGATED else None


ROUTES: tuple[Route, ...] = (
    write_route("model-versions/create", _create),
    read_route("model-versions/get", _get),
    read_route("model-versions/get-download-uri", _download_uri),
    write_route("model-versions/update", _update, "PATCH"),
    write_route("model-versions/delete", _delete, "DELETE"),
    write_route("model-versions/set-tag", _set_tag),
    write_route("model-versions/delete-tag", _delete_tag, "DELETE"),
    Route(("POST",), "model-versions/transition-stage", _transition, gated=_gated),
)
