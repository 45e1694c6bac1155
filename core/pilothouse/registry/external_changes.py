"""Changes to models and versions that other programs ask for, or that an import brings.

Such programs archive versions, and know dates and numbers of their own. Into a gated stage a client
moves a version by a promotion, as the screen does; an import takes over the stages of the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.registry import stages
from pilothouse.registry.tables import ARCHIVED, Model, ModelVersion
from pilothouse.registry.versions import MAX_VERSION, VersionSource, register_import
from pilothouse.storage import Store


@dataclass(frozen=True)
class ImportedVersion:
    """A version of another registry: its number there, where it comes from, when it was made."""

    number: int
    source: VersionSource
    created_at: datetime | None = None


def annotate_model(session: Session, store: Store, model: Model, note: str) -> None:
    """Put a note on a model in place of the one it has."""
    before, model.note = model.note, note
    model.updated_at = store.now()
    session.add(model)
    _record_note(session, store, "model", model.name, before, note)


def annotate_version(session: Session, store: Store, version: ModelVersion, note: str) -> None:
    """Put a note on a version in place of the one it has."""
    before, version.note = version.note, note
    version.updated_at = store.now()
    session.add(version)
    _record_note(session, store, "version", _ref(version), before, note)


def _record_note(
    session: Session, store: Store, kind: str, ref: str, before: str, after: str
) -> None:
    record(
        session,
        store,
        "annotated",
        kind,
        ref,
        before={"note": before},
        after={"note": after},
    )


def move(session: Session, store: Store, version: ModelVersion, stage: str, reason: str) -> None:
    """Move a version to a stage; others that are in it stay there."""
    before = stages.stage_and_champion(session, version)
    stages.move(session, store, version, stage, reason, alone=False)
    record(
        session,
        store,
        "archived" if stage == ARCHIVED else "moved",
        "version",
        _ref(version),
        before=before,
        after=stages.stage_and_champion(session, version),
        reason=reason,
    )


def archive_others(
    session: Session, store: Store, version: ModelVersion, stage: str, reason: str
) -> None:
    """Archive the other versions of a model that are in a stage."""
    query = select(ModelVersion).where(
        ModelVersion.model == version.model,
        ModelVersion.stage == stage,
        col(ModelVersion.version) != version.version,
    )
    for other in session.exec(query).all():
        move(session, store, other, ARCHIVED, reason)


def touch(session: Session, store: Store, version: ModelVersion) -> None:
    """Note that a version and its model were changed now."""
    now = store.now()
    version.updated_at = now
    session.add(version)
    model = session.get(Model, version.model)
    if model is not None:
        model.updated_at = now
        session.add(model)


def import_model(
    session: Session,
    model: Model,
    *,
    note: str,
    created_at: datetime | None,
    updated_at: datetime | None,
) -> None:
    """Take over the note and the dates that a model has elsewhere."""
    model.note = note
    model.created_at = created_at or model.created_at
    model.updated_at = updated_at or model.updated_at
    session.add(model)


def import_version(
    session: Session, store: Store, model: Model, imported: ImportedVersion
) -> ModelVersion:
    """Register a version under the number that it has elsewhere, or the next free one.

    Raises what `versions.register_import` raises.
    """
    # `register_import` gives the number after the highest ever given.
    if (model.last_number or 0) < imported.number <= MAX_VERSION:
        model.last_number = imported.number - 1
    updated_at = model.updated_at
    number = register_import(session, store, model.name, imported.source).version

    version = session.get_one(ModelVersion, (model.name, number))
    version.created_at = imported.created_at or version.created_at
    model.updated_at = updated_at  # it was changed there, not by the import
    session.flush()
    return version


def import_version_state(
    session: Session, version: ModelVersion, note: str, updated_at: datetime | None
) -> None:
    """Take over the note and the date that a version has elsewhere."""
    version.note = note
    version.updated_at = updated_at or version.updated_at
    session.add(version)
    session.flush()


def _ref(version: ModelVersion) -> str:
    return f"{version.model}@{version.version}"
