"""Renaming and deleting models and versions; the audit log keeps what they were."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from pilothouse.activity import mark_rows, record
from pilothouse.activity.seals import key_columns
from pilothouse.experiments import late_writes
from pilothouse.kit.errors import Conflict
from pilothouse.registry import stages, versions
from pilothouse.registry.policy_rows import refuse_if_guarded, refuse_to_leave
from pilothouse.registry.promotion import reject_pending
from pilothouse.registry.tables import (
    Alias,
    CardRevision,
    CodeApproval,
    Measurement,
    Model,
    ModelTag,
    ModelVersion,
    ModelVersionOrigin,
    Override,
    Promotion,
    StageChange,
    VersionEvaluation,
    VersionTag,
    Vote,
)
from pilothouse.storage import Store

WAS_DELETED = "the version was deleted"
DECISIONS: tuple[Any, ...] = (StageChange, Vote, Override, Promotion)  # remembered for good
OF_VERSION: tuple[Any, ...] = (
    Alias,
    VersionTag,
    ModelVersionOrigin,
    VersionEvaluation,
    Measurement,
    CodeApproval,
    CardRevision,
)


def rename(session: Session, store: Store, model: Model, name: str) -> Model:
    """Rename a model and its versions; the caller has checked that the name is free.

    The name is a primary key that other rows refer to, so new rows are inserted, references are
    updated, and then the old rows are deleted. Raises Refused when a model of the new name would
    meet other policies, Conflict where decisions on a deleted model of that name are remembered.
    """
    old = model.name
    refuse_to_leave(session, old, name)
    if versions.last_remembered(session, name):
        raise Conflict(
            f"decisions on a deleted model named {name!r} are remembered.",
            hint="Choose another name.",
        )
    session.flush()
    _mark(session, old)
    _copy(session, Model, col(Model.name) == old, {"name": name, "updated_at": store.now()})
    changes = {"model": name, "updated_at": store.now()}
    _copy(session, ModelVersion, col(ModelVersion.model) == old, changes)

    for version in session.scalars(
        select(col(ModelVersion.version)).where(col(ModelVersion.model) == old)
    ).all():
        late_writes.rename(session, f"{old}@{version}", f"{name}@{version}")

    for table in (*DECISIONS, *OF_VERSION, ModelTag):
        session.execute(update(table).where(col(table.model) == old).values(model=name))

    session.execute(delete(ModelVersion).where(col(ModelVersion.model) == old))
    session.execute(delete(Model).where(col(Model.name) == old))
    session.expire_all()
    _mark(session, name)
    record(session, store, "renamed", "model", name, before={"name": old}, after={"name": name})
    renamed = session.get(Model, name)
    assert renamed is not None

    return renamed


def _mark(session: Session, model: str) -> None:
    """Seal the rows that a model has under a name, before or after it gets another."""
    mark_rows(session, Model, [(model,)])
    for table in (ModelVersion, *DECISIONS, *OF_VERSION, ModelTag):
        keys = select(*[getattr(table, name) for name in key_columns(table)])
        mark_rows(
            session,
            table,
            [tuple(row) for row in session.execute(keys.where(table.model == model))],
        )


def _copy(session: Session, table: Any, holds: Any, changes: dict[str, Any]) -> None:
    rows = session.connection().execute(select(table.__table__).where(holds)).mappings().all()
    if rows:
        session.connection().execute(insert(table), [dict(row) | changes for row in rows])


def delete_version(session: Session, store: Store, version: ModelVersion) -> None:
    """Delete a version; its number is not used again, and decisions on it are remembered.

    A promotion of it that waits is rejected. Raises Refused when it is in a stage that a policy
    guards.
    """
    refuse_if_guarded(session, version.model, version.version, version.stage)
    facts = {"stage": version.stage, "digest": version.digest, "source": version.import_source}
    model, version_number = version.model, version.version
    _close_decisions(session, store, version)
    for table in OF_VERSION:
        session.execute(
            delete(table).where(col(table.model) == model, col(table.version) == version_number)
        )
    late_writes.release_sources(session, f"{model}@{version_number}")
    session.delete(version)
    session.execute(update(Model).where(col(Model.name) == model).values(updated_at=store.now()))
    session.flush()
    record(session, store, "deleted", "version", f"{model}@{version_number}", before=facts)


def _close_decisions(session: Session, store: Store, version: ModelVersion) -> None:
    """Of a version that people decided on, the moves end with its deletion; nothing waits."""
    reject_pending(session, store, version.model, version.version, WAS_DELETED)
    if versions.has_decisions(session, version.model, version.version):
        stages.end_moves(session, store, version, WAS_DELETED)


def delete_model(session: Session, store: Store, model: Model) -> None:
    """Delete a model with its versions and tags; its name is free again.

    A model that takes the name goes on with the numbers after those that decisions are remembered
    of.

    Raises Refused when one of them is in a stage that a policy guards.
    """
    query = select(ModelVersion).where(col(ModelVersion.model) == model.name)
    for version in session.scalars(query.order_by(col(ModelVersion.version))).all():
        delete_version(session, store, version)
    session.execute(delete(ModelTag).where(col(ModelTag.model) == model.name))
    name = model.name
    session.delete(model)
    session.flush()
    record(session, store, "deleted", "model", name, before={"note": model.note})
