"""Registered models and versions as the protocol writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, tuple_
from sqlmodel import Session, col

from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.kit.clock import to_ms
from pilothouse.registry.tables import (
    ARCHIVED,
    NONE,
    PRODUCTION,
    STAGING,
    Alias,
    Model,
    ModelTag,
    ModelVersion,
    VersionOrigin,
    VersionTag,
)

STAGE = {NONE: "None", STAGING: "Staging", PRODUCTION: "Production", ARCHIVED: "Archived"}
OURS = {theirs.lower(): ours for ours, theirs in STAGE.items()}
CHUNK = 500
Json = dict[str, Any]


def find_model(session: Session, name: str) -> Model:
    """The registered model of a name. Raises in the protocol's words."""
    found = session.get(Model, name)
    if found is None:
        raise absent(f"Registered Model with name={name} not found")
    return found


def find_version(session: Session, name: str, version: str) -> ModelVersion:
    """The version of a model by its number as text. Raises in the protocol's words."""
    if not version.isdecimal() or len(version) > 18:
        raise invalid(f"Parameter 'version' must be an integer, got '{version}'.")
    found = session.get(ModelVersion, (name, int(version)))
    if found is None:
        raise absent(f"Model Version (name={name}, version={version}) not found")
    return found


def stage_of(given: str) -> str:
    """One of our stages by the protocol's word in any case."""
    found = OURS.get(given.lower())
    if found is None:
        known = ", ".join(STAGE.values())
        raise invalid(f"Invalid Model Version stage: {given}. Value must be one of {known}.")
    return found


def versions(
    session: Session, found: Sequence[ModelVersion], *, with_aliases: bool = True
) -> list[Json]:
    """Versions in full, in the order given.

    In searches and inside a model the protocol leaves their aliases out, and older clients cannot
    write down what they do not expect there.
    """
    told: list[Json] = []
    for start in range(0, len(found), CHUNK):
        told += _versions(session, found[start : start + CHUNK], with_aliases)
    return told


def _versions(session: Session, found: Sequence[ModelVersion], with_aliases: bool) -> list[Json]:
    keys = [(version.model, version.version) for version in found]
    tags: dict[tuple[str, int], list[Json]] = defaultdict(list)
    for tag in _of(session, VersionTag, keys, col(VersionTag.key)):
        tags[tag.model, tag.version].append({"key": tag.key, "value": tag.value})
    names: dict[tuple[str, int], list[str]] = defaultdict(list)
    for alias in _of(session, Alias, keys, col(Alias.alias)) if with_aliases else ():
        names[alias.model, alias.version].append(alias.alias)
    origins = {
        (each.model, each.version): each
        for each in _of(session, VersionOrigin, keys, col(VersionOrigin.version))
    }
    return [
        _version(version, origins.get(key), tags[key], names[key])
        for key, version in zip(keys, found, strict=True)
    ]


def _of(session: Session, table: Any, keys: list[tuple[str, int]], order: Any) -> Any:
    place = tuple_(col(table.model), col(table.version))
    return session.scalars(select(table).where(place.in_(keys)).order_by(order)).all()


def _version(
    version: ModelVersion, kept: VersionOrigin | None, tags: list[Json], names: list[str]
) -> Json:
    run = kept.run if kept else version.run_id or ""
    ours = f"runs:/{run}/model" if run else version.import_source
    words: Json = {
        "name": version.model,
        "version": str(version.version),
        "creation_timestamp": to_ms(version.created_at),
        "last_updated_timestamp": to_ms(version.updated_at or version.created_at),
        "current_stage": STAGE[version.stage],
        "description": version.note,
        "source": kept.source if kept else ours,
        "run_id": run,
        "status": "READY",
        "run_link": kept.run_link if kept else "",
    }
    return words | _full(tags=tags, aliases=names)


def models(session: Session, found: Sequence[Model]) -> list[Json]:
    """Registered models in full, in the order given."""
    names = [model.name for model in found]
    latest: dict[str, list[Json]] = defaultdict(list)
    for told in versions(session, latest_versions(session, names), with_aliases=False):
        latest[told["name"]].append(told)
    tags: dict[str, list[Json]] = defaultdict(list)
    query = select(ModelTag).where(col(ModelTag.model).in_(names)).order_by(col(ModelTag.key))
    for tag in session.scalars(query):
        tags[tag.model].append({"key": tag.key, "value": tag.value})
    aliases: dict[str, list[Json]] = defaultdict(list)
    pointing = select(Alias).where(col(Alias.model).in_(names)).order_by(col(Alias.alias))
    for alias in session.scalars(pointing):
        aliases[alias.model].append({"alias": alias.alias, "version": str(alias.version)})
    return [
        _model(model)
        | _full(
            latest_versions=latest[model.name],
            tags=tags[model.name],
            aliases=aliases[model.name],
        )
        for model in found
    ]


def _model(model: Model) -> Json:
    words: Json = {
        "name": model.name,
        "creation_timestamp": to_ms(model.created_at),
        "last_updated_timestamp": to_ms(model.updated_at or model.created_at),
    }
    return words | ({"description": model.note} if model.note else {})


def latest_versions(
    session: Session, names: Sequence[str], stages: Sequence[str] = ()
) -> list[ModelVersion]:
    """Of each model, the highest version in each stage (of the stages asked for)."""
    query = select(ModelVersion).where(col(ModelVersion.model).in_(names))
    if stages:
        query = query.where(col(ModelVersion.stage).in_(stages))
    newest: dict[tuple[str, str], ModelVersion] = {}
    for version in session.scalars(query.order_by(col(ModelVersion.version))):
        newest[version.model, version.stage] = version
    return sorted(newest.values(), key=lambda version: (version.model, version.version))


def _full(**lists: list[Any]) -> Json:
    return {name: rows for name, rows in lists.items() if rows}
