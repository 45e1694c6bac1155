"""Tags of models and versions: set, deleted, and every change recorded."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.registry.tables import ModelTag, ModelVersion, VersionTag
from pilothouse.storage import Store

TAGGED, UNTAGGED = "tagged", "untagged"


def set_model_tag(session: Session, store: Store, model: str, key: str, value: str) -> None:
    """Set a tag of a model in place of what it was."""
    existing = session.get(ModelTag, (model, key))
    before = None if existing is None else {key: existing.value}
    write_model_tags(session, model, {key: value})
    record(session, store, TAGGED, "model", model, before=before, after={key: value})


def delete_model_tag(session: Session, store: Store, model: str, key: str) -> None:
    """Delete a tag of a model; one that is not there is no error."""
    existing = session.get(ModelTag, (model, key))
    if existing is None:
        return
    before = {key: existing.value}
    session.delete(existing)
    session.flush()
    record(session, store, UNTAGGED, "model", model, before=before)


def set_version_tag(
    session: Session, store: Store, version: ModelVersion, key: str, value: str
) -> None:
    """Set a tag of a version in place of what it was."""
    existing = session.get(VersionTag, (version.model, version.version, key))
    before = None if existing is None else {key: existing.value}
    write_version_tags(session, version, {key: value})
    record(session, store, TAGGED, "version", _ref(version), before=before, after={key: value})


def delete_version_tag(session: Session, store: Store, version: ModelVersion, key: str) -> None:
    """Delete a tag of a version; one that is not there is no error."""
    existing = session.get(VersionTag, (version.model, version.version, key))
    if existing is None:
        return
    before = {key: existing.value}
    session.delete(existing)
    session.flush()
    record(session, store, UNTAGGED, "version", _ref(version), before=before)


def write_model_tags(session: Session, model: str, tags: Mapping[str, str]) -> None:
    """Write tags of a model without a trace: for whoever brings many at once."""
    for key, value in tags.items():
        session.merge(ModelTag(model=model, key=key, value=value))
    session.flush()


def write_version_tags(session: Session, version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Write tags of a version without a trace: for whoever brings many at once."""
    for key, value in tags.items():
        row = VersionTag(model=version.model, version=version.version, key=key, value=value)
        session.merge(row)
    session.flush()


def _ref(version: ModelVersion) -> str:
    return f"{version.model}@{version.version}"
