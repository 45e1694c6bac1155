"""Stages and aliases: one version of a model in production, and the champion follows it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from pilothouse.activity import record
from pilothouse.kit import names
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.registry.tables import (
    ARCHIVED,
    CHAMPION,
    DELETED,
    PRODUCTION,
    Alias,
    ModelVersion,
    StageChange,
)
from pilothouse.registry.versions import require
from pilothouse.storage import Store


def move(
    session: Session,
    store: Store,
    version: ModelVersion,
    stage: str,
    reason: str,
    promotion_id: str | None = None,
    *,
    alone: bool = True,
) -> None:
    """Move a version to a stage; the version in production before is archived.

    Without `alone` the other versions in production stay, and only the champion alias moves.
    """
    if stage == PRODUCTION:
        for other in _in_production(session, version.model) if alone else ():
            replaced = f"replaced by {version.model}@{version.version}"
            _change(session, store, other, ARCHIVED, replaced, promotion_id)
        _write_alias(session, store, version.model, CHAMPION, version.version)
    elif version.stage == PRODUCTION and _is_champion(session, version):
        _delete_alias(session, version.model, CHAMPION)
    _change(session, store, version, stage, reason, promotion_id)


def archive(session: Session, store: Store, model: str, version: int, reason: str) -> None:
    """Take a version out of use. Conflict when it is archived already."""
    model_version = require(session, model, version)
    if model_version.stage == ARCHIVED:
        raise Conflict(f"{model}@{version} is archived already.")

    before = stage_and_champion(session, model_version)
    move(session, store, model_version, ARCHIVED, reason)
    record(
        session,
        store,
        "archived",
        "version",
        f"{model}@{version}",
        before=before,
        after=stage_and_champion(session, model_version),
        reason=reason,
    )


def end_moves(session: Session, store: Store, version: ModelVersion, reason: str) -> None:
    """Write the last move of a version that is about to be deleted."""
    _change(session, store, version, DELETED, reason, None)


def stage_and_champion(session: Session, version: ModelVersion) -> dict[str, str | None]:
    """A version's stage and its model's champion, for the audit log."""
    alias = session.get(Alias, (version.model, CHAMPION))
    champion = f"{version.model}@{alias.version}" if alias else None
    return {"stage": version.stage, "champion": champion}


def set_alias(
    session: Session, store: Store, model: str, alias: str, version: int | None, reason: str
) -> int | None:
    """Point an alias at a version (None removes it) and return the version it pointed at.

    Raises Conflict for `champion`, which follows production, Invalid for what cannot be an alias.
    """
    if alias == CHAMPION:
        raise Conflict("the champion follows production.", hint="Promote the version instead.")

    names.ALIAS.check(alias)
    if alias.isdigit():
        raise Invalid(
            f"an alias cannot be called {alias!r}: it would look like a version's number.",
            fields={"alias": "digits only"},
        )

    existing = session.get(Alias, (model, alias))
    previous = existing.version if existing else None
    if version is None:
        _delete_alias(session, model, alias)
    else:
        require(session, model, version)
        _write_alias(session, store, model, alias, version)

    _record_alias(session, store, model, alias, previous, version, reason)
    return previous


def move_champion(
    session: Session, store: Store, model: str, version: int | None, reason: str
) -> None:
    """Point the champion alias at a version without gates, whatever its stage is.

    Clients of other registries know aliases without stages, and move this one too.
    """
    existing = session.get(Alias, (model, CHAMPION))
    previous = existing.version if existing else None
    if version is None:
        _delete_alias(session, model, CHAMPION)
    else:
        _write_alias(session, store, model, CHAMPION, version)
    _record_alias(session, store, model, CHAMPION, previous, version, reason)


def _record_alias(
    session: Session,
    store: Store,
    model: str,
    alias: str,
    previous: int | None,
    version: int | None,
    reason: str,
) -> None:
    ref = model if version is None else f"{model}@{version}"
    record(
        session,
        store,
        "aliased",
        "model" if version is None else "version",
        ref,
        before={alias: previous},
        after={alias: version},
        reason=reason,
    )


def _in_production(session: Session, model: str) -> list[ModelVersion]:
    query = select(ModelVersion).where(
        ModelVersion.model == model, ModelVersion.stage == PRODUCTION
    )
    return list(session.exec(query.order_by(col(ModelVersion.version))))


def _change(
    session: Session,
    store: Store,
    version: ModelVersion,
    stage: str,
    reason: str,
    promotion_id: str | None,
) -> None:
    change = StageChange(
        model=version.model,
        version=version.version,
        before=version.stage,
        after=stage,
        at=store.now(),
        by=store.actor,
        reason=reason,
        promotion_id=promotion_id,
    )
    version.stage = stage
    version.updated_at = store.now()
    session.add(change)
    session.add(version)
    session.flush()


def _write_alias(session: Session, store: Store, model: str, alias: str, version: int) -> None:
    session.merge(
        Alias(
            model=model,
            alias=alias,
            version=version,
            changed_at=store.now(),
            changed_by=store.actor,
        )
    )
    session.flush()


def _is_champion(session: Session, version: ModelVersion) -> bool:
    alias = session.get(Alias, (version.model, CHAMPION))
    return alias is not None and alias.version == version.version


def _delete_alias(session: Session, model: str, alias: str) -> None:
    existing = session.get(Alias, (model, alias))
    if existing is not None:
        session.delete(existing)
        session.flush()
