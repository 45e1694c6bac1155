"""Registered models and versions as the protocol writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, tuple_
from sqlmodel import Session, col

from pilothouse.interop.mlflow.errors import absent, invalid
from pilothouse.kit.clock import to_ms
from pilothouse.registry.stage_ladder import stage_names
from pilothouse.registry.tables import (
    ARCHIVED,
    NONE,
    PRODUCTION,
    STAGING,
    Alias,
    Model,
    ModelTag,
    ModelVersion,
    ModelVersionOrigin,
    VersionTag,
)

STAGE = {NONE: "None", STAGING: "Staging", PRODUCTION: "Production", ARCHIVED: "Archived"}
STAGE_BY_NAME = {name.lower(): stage for stage, name in STAGE.items()}
CHUNK = 500
Json = dict[str, Any]


def find_model(session: Session, name: str) -> Model:
    """The registered model of a name. Raises the protocol's error."""
    model = session.get(Model, name)
    if model is None:
        raise absent(f"Registered Model with name={name} not found")
    return model


def find_version(session: Session, name: str, version: str) -> ModelVersion:
    """The version of a model by its number as text. Raises the protocol's error."""
    if not version.isdecimal() or len(version) > 18:
        raise invalid(f"Parameter 'version' must be an integer, got '{version}'.")
    row = session.get(ModelVersion, (name, int(version)))
    if row is None:
        raise absent(f"Model Version (name={name}, version={version}) not found")
    return row


def stage_name(stage: str) -> str:
    """How clients read a stage: the protocol's own by its name there, others by theirs here."""
    return STAGE.get(stage, stage)


def stage_of(session: Session, text: str) -> str:
    """The stage of the workspace by its protocol name, in any case."""
    stage = STAGE_BY_NAME.get(text.lower(), text.lower())
    stages = (NONE, *stage_names(session), ARCHIVED)
    if stage not in stages:
        valid = ", ".join(map(stage_name, stages))
        raise invalid(f"Invalid Model Version stage: {text}. Value must be one of {valid}.")
    return stage


def versions(
    session: Session, rows: Sequence[ModelVersion], *, with_aliases: bool = True
) -> list[Json]:
    """Versions in full, in the order given.

    In searches and inside a model the protocol leaves their aliases out, and older clients cannot
    write down what they do not expect there.
    """
    serialised: list[Json] = []
    for start in range(0, len(rows), CHUNK):
        serialised += _versions(session, rows[start : start + CHUNK], with_aliases)
    return serialised


def _versions(session: Session, rows: Sequence[ModelVersion], with_aliases: bool) -> list[Json]:
    keys = [(version.model, version.version) for version in rows]
    tags: dict[tuple[str, int], list[Json]] = defaultdict(list)
    for tag in _of(session, VersionTag, keys, col(VersionTag.key)):
        tags[tag.model, tag.version].append({"key": tag.key, "value": tag.value})
    names: dict[tuple[str, int], list[str]] = defaultdict(list)
    for alias in _of(session, Alias, keys, col(Alias.alias)) if with_aliases else ():
        names[alias.model, alias.version].append(alias.alias)
    origins = {
        (origin.model, origin.version): origin
        for origin in _of(session, ModelVersionOrigin, keys, col(ModelVersionOrigin.version))
    }
    return [
        _version(version, origins.get(key), tags[key], names[key])
        for key, version in zip(keys, rows, strict=True)
    ]


def _of(session: Session, table: Any, keys: list[tuple[str, int]], order: Any) -> Any:
    key_columns = tuple_(col(table.model), col(table.version))
    return session.scalars(select(table).where(key_columns.in_(keys)).order_by(order)).all()


def _version(
    version: ModelVersion, origin: ModelVersionOrigin | None, tags: list[Json], names: list[str]
) -> Json:
    run = origin.run if origin else version.run_id or ""
    own_source = f"runs:/{run}/model" if run else version.import_source
    fields: Json = {
        "name": version.model,
        "version": str(version.version),
        "creation_timestamp": to_ms(version.created_at),
        "last_updated_timestamp": to_ms(version.updated_at or version.created_at),
        "current_stage": stage_name(version.stage),
        "description": version.note,
        "source": origin.source if origin else own_source,
        "run_id": run,
        "status": "READY",
        "run_link": origin.run_link if origin else "",
    }
    return fields | _without_empty(tags=tags, aliases=names)


def models(session: Session, rows: Sequence[Model]) -> list[Json]:
    """Registered models in full, in the order given."""
    names = [model.name for model in rows]
    latest: dict[str, list[Json]] = defaultdict(list)
    for version in versions(session, latest_versions(session, names), with_aliases=False):
        latest[version["name"]].append(version)
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
        | _without_empty(
            latest_versions=latest[model.name],
            tags=tags[model.name],
            aliases=aliases[model.name],
        )
        for model in rows
    ]


def _model(model: Model) -> Json:
    fields: Json = {
        "name": model.name,
        "creation_timestamp": to_ms(model.created_at),
        "last_updated_timestamp": to_ms(model.updated_at or model.created_at),
    }
    return fields | ({"description": model.note} if model.note else {})


def latest_versions(
    session: Session, names: Sequence[str], stages: Sequence[str] = ()
) -> list[ModelVersion]:
    """The highest version of each model in each stage, or in each of the given stages."""
    query = select(ModelVersion).where(col(ModelVersion.model).in_(names))
    if stages:
        query = query.where(col(ModelVersion.stage).in_(stages))
    newest: dict[tuple[str, str], ModelVersion] = {}
    for version in session.scalars(query.order_by(col(ModelVersion.version))):
        newest[version.model, version.stage] = version
    return sorted(newest.values(), key=lambda version: (version.model, version.version))


def _without_empty(**lists: list[Any]) -> Json:
    return {name: rows for name, rows in lists.items() if rows}
