"""Model versions over the protocol: imported, described, moved between stages, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments.tables import LoggedModelTag, Run, RunMetric
from pilothouse.interop.mlflow import sources
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.registered_models import (
    MAX_KEY_LENGTH,
    MAX_NOTE_LENGTH,
    MAX_VALUE_LENGTH,
    REASON,
    promote,
    put_tag,
    refuse_served,
    tags_of,
    take_tag,
)
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, reading, writing
from pilothouse.interop.mlflow.sources import ModelSource, origin
from pilothouse.interop.mlflow.version_serialisation import (
    STAGE,
    find_model,
    find_version,
    stage_of,
    versions,
)
from pilothouse.models.signature import UNKNOWN
from pilothouse.registry import deletion, stages
from pilothouse.registry.tables import (
    ARCHIVED,
    GATED,
    Model,
    ModelVersion,
    ModelVersionOrigin,
    VersionTag,
)
from pilothouse.registry.versions import VersionSource, register_import
from pilothouse.storage import Store, Table

VERSIONS_TAG = "mlflow.modelVersions"
Json = dict[str, Any]


def _create(call: Call) -> Json:
    fields, session = call.fields, call.session
    name, source = fields.needed("name"), fields.needed("source")
    tags, note = tags_of(fields), fields.text("description", most=MAX_NOTE_LENGTH)
    looked = origin(session, source, fields.text("run_id"), fields.text("model_id"))
    find_model(session, name)
    imported = VersionSource(
        digest=manifest(call.store, looked),
        signature=UNKNOWN,
        input_example=[],
        metrics=last_figures(session, looked.run_id),
        run=looked.run_id if session.get(Run, looked.run_id) else None,
        imported=f"MLflow: {source}",
        depends_on=looked.rests_on,
    )
    run_link = fields.text("run_link")

    def beside(version: ModelVersion) -> Iterator[Table]:
        yield kept_origin(version, looked, run_link)
        for key, value in tags.items():
            yield VersionTag(model=name, version=version.version, key=key, value=value)

    number = register_import(session, call.store, name, imported, note, beside).version
    version = find_version(session, name, str(number))
    if looked.model_id:
        _tell_logged_model(session, looked.model_id, name, number)
    return _told(session, version)


def manifest(store: Store, looked: ModelSource) -> str:
    """The digest of the list of a version's files with theirs: it stands for all of them."""
    description = {
        "source": looked.source,
        "location": looked.location,
        "files": list(looked.files),
    }
    return store.artifacts.put_bytes(json.dumps(description, sort_keys=True, indent=1).encode())


def last_figures(session: Session, run_id: str) -> dict[str, float]:
    """The last value of each metric of a run; of no run, none."""
    query = select(col(RunMetric.key), col(RunMetric.last)).where(col(RunMetric.run_id) == run_id)
    return {key: value for key, value in session.execute(query) if value is not None}


def kept_origin(version: ModelVersion, looked: ModelSource, run_link: str) -> ModelVersionOrigin:
    """The row that says where an imported version comes from."""
    return ModelVersionOrigin(
        model=version.model,
        version=version.version,
        source=looked.source,
        location=looked.location,
        run=looked.run_id,
        run_link=run_link,
        logged_model=looked.model_id,
    )


def _tell_logged_model(session: Session, model_id: str, name: str, number: int) -> None:
    """Add to the tag in which a logged model lists its versions; clients append to it too."""
    tag = session.get(LoggedModelTag, (model_id, VERSIONS_TAG))
    try:
        listed = json.loads(tag.value) if tag else []
    except ValueError:
        listed = []
    entries = [*(listed if isinstance(listed, list) else []), {"name": name, "version": number}]
    session.merge(LoggedModelTag(model_id=model_id, key=VERSIONS_TAG, value=json.dumps(entries)))
    session.flush()


def _told(session: Session, version: ModelVersion) -> Json:
    return {"model_version": versions(session, [version])[0]}


def _asked_for(call: Call) -> ModelVersion:
    fields: Fields = call.fields
    return find_version(call.session, fields.needed("name"), fields.needed("version"))


def _get(call: Call) -> Json:
    return _told(call.session, _asked_for(call))


def _download_uri(call: Call) -> Json:
    version = _asked_for(call)
    origin_row = call.session.get(ModelVersionOrigin, (version.model, version.version))
    return {"artifact_uri": sources.location_of(call.session, version, origin_row)}


def _update(call: Call) -> Json:
    version = _asked_for(call)
    before, version.note = version.note, call.fields.text("description", most=MAX_NOTE_LENGTH)
    version.updated_at = call.store.now()
    call.session.add(version)
    record(
        call.session,
        call.store,
        "annotated",
        "version",
        f"{version.model}@{version.version}",
        before={"note": before},
        after={"note": version.note},
    )
    return _told(call.session, version)


def _touch(call: Call, version: ModelVersion) -> None:
    """A move to a stage changes the version and its model; other changes do only the one."""
    now = call.store.now()
    version.updated_at = now
    call.session.add(version)
    model = call.session.get(Model, version.model)
    if model is not None:
        model.updated_at = now
        call.session.add(model)


def _delete(call: Call) -> Json:
    version = _asked_for(call)
    refuse_served(call.session, version.model)
    deletion.delete_version(call.session, call.store, version)
    return {}


def _set_tag(call: Call) -> Json:
    fields = call.fields
    name, version_text = fields.needed("name"), fields.needed("version")
    key = fields.needed("key", most=MAX_KEY_LENGTH)
    value = fields.text("value", most=MAX_VALUE_LENGTH)
    version = find_version(call.session, name, version_text)
    put_tag(
        call, VersionTag(model=name, version=version.version, key=key, value=value), ref(version)
    )
    return {}


def ref(version: ModelVersion) -> str:
    """How the activity log names a version."""
    return f"{version.model}@{version.version}"


def _delete_tag(call: Call) -> Json:
    version, key = _asked_for(call), call.fields.needed("key")
    take_tag(call, VersionTag, (version.model, version.version, key), ref(version))
    return {}


def _transition(call: Call) -> Json:
    fields, session = call.fields, call.session
    fields.needed("name")
    fields.needed("version")
    stage = stage_of(fields.needed("stage"))
    version, archives = _asked_for(call), fields.flag("archive_existing_versions")
    if archives and stage not in GATED:
        raise invalid(
            "Model version transition cannot archive existing model versions because "
            f"'{STAGE[stage]}' is not an Active stage. Valid stages are ['Staging', 'Production']"
        )
    if archives:
        _archive_others(call, version, stage)
    if stage in GATED and not version.import_source:
        promote(call, version, stage)
    elif version.stage != stage:
        _move(call, version, stage)
    _touch(call, version)
    return _told(session, version)


def _archive_others(call: Call, version: ModelVersion, stage: str) -> None:
    query = select(ModelVersion).where(
        col(ModelVersion.model) == version.model,
        col(ModelVersion.stage) == stage,
        col(ModelVersion.version) != version.version,
    )
    for other in call.session.scalars(query).all():
        _move(call, other, ARCHIVED)


def _move(call: Call, version: ModelVersion, stage: str) -> None:
    before = stages.stage_and_champion(call.session, version)
    stages.move(call.session, call.store, version, stage, REASON, alone=False)
    record(
        call.session,
        call.store,
        "archived" if stage == ARCHIVED else "moved",
        "version",
        f"{version.model}@{version.version}",
        before=before,
        after=stages.stage_and_champion(call.session, version),
        reason=REASON,
    )


ROUTES: tuple[Route, ...] = (
    writing("model-versions/create", _create),
    reading("model-versions/get", _get),
    reading("model-versions/get-download-uri", _download_uri),
    writing("model-versions/update", _update, "PATCH"),
    writing("model-versions/delete", _delete, "DELETE"),
    writing("model-versions/set-tag", _set_tag),
    writing("model-versions/delete-tag", _delete_tag, "DELETE"),
    writing("model-versions/transition-stage", _transition),
)
