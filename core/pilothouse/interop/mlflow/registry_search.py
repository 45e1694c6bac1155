"""Searching registered models and their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, not_, or_, select
from sqlmodel import col

from pilothouse.experiments.query import Predicate
from pilothouse.experiments.query.sql import FieldSpec
from pilothouse.interop.mlflow import search_syntax
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.routing import Call, Route, read_route
from pilothouse.interop.mlflow.search_syntax import Language, Order
from pilothouse.interop.mlflow.version_serialisation import models, versions
from pilothouse.registry.tables import Model, ModelTag, ModelVersion, ModelVersionOrigin, VersionTag

PROMPT = "mlflow.prompt.is_prompt"
ENTITIES = {"attribute": "attribute", "attributes": "attribute", "tag": "tag", "tags": "tag"}
MODEL_TIMES: dict[str, Any] = {
    "creation_timestamp": col(Model.created_at),
    "last_updated_timestamp": func.coalesce(col(Model.updated_at), col(Model.created_at)),
}
VERSION_TIMES: dict[str, Any] = {
    "creation_timestamp": col(ModelVersion.created_at),
    "last_updated_timestamp": func.coalesce(
        col(ModelVersion.updated_at), col(ModelVersion.created_at)
    ),
}
MODELS = Language(ENTITIES, frozenset({"name"}))
MODELS_ORDER = Language(ENTITIES, frozenset({"name", "timestamp", *MODEL_TIMES}))
VERSIONS = Language(ENTITIES, frozenset({"name", "run_id", "source_path", "version_number"}))
VERSIONS_ORDER = Language(ENTITIES, frozenset({"name", "version_number", *VERSION_TIMES}))


def _models(call: Call) -> dict[str, Any]:
    fields = call.fields
    size, offset = fields.page_size(100, 1000), offset_of(fields.text("page_token"))
    holds = search_syntax.condition(
        fields.text("filter"), lambda claim: _model_condition(call, claim)
    )
    columns = {"name": col(Model.name), "timestamp": MODEL_TIMES["last_updated_timestamp"]}
    order = _ordered(fields.texts("order_by"), MODELS_ORDER, columns | MODEL_TIMES)
    query = select(Model).where(holds).order_by(*order, col(Model.name))
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("registered_models", rows, offset, size)
    if rows:
        answer["registered_models"] = models(call.session, rows[:size])
    return answer


def _model_condition(call: Call, claim: Predicate) -> ColumnElement[bool]:
    key, now = claim.field.key, call.store.now()
    if MODELS.entity(claim.field.entity) == "attribute":
        spec = FieldSpec(MODELS.attribute(key), "text", col(Model.name))
        if claim.operator not in spec.operators:
            raise invalid(f"Invalid comparator for attribute: {claim.operator}")
        return search_syntax.field_condition(spec, claim, "attribute", now)
    columns = col(Model.name), col(ModelTag.model), col(ModelTag.key), col(ModelTag.value)
    return _tagged(search_syntax.keyed_field(*columns, key), claim, now)


def _tagged(spec: FieldSpec, claim: Predicate, now: datetime) -> ColumnElement[bool]:
    """A condition on a tag. Models without the prompt tag match `!= 'true'` too, as in MLflow."""
    holds = search_syntax.field_condition(spec, claim, "tag", now)
    if claim.field.key == PROMPT and claim.operator == "!=":
        return or_(holds, not_(spec.within(spec.has_value)))
    return holds


def _versions(call: Call) -> dict[str, Any]:
    fields = call.fields
    size, offset = fields.page_size(10_000, 200_000), offset_of(fields.text("page_token"))
    holds = search_syntax.condition(
        fields.text("filter"), lambda claim: _version_condition(call, claim)
    )
    columns = {"name": col(ModelVersion.model), "version_number": col(ModelVersion.version)}
    order = _ordered(fields.texts("order_by"), VERSIONS_ORDER, columns | VERSION_TIMES)
    query = (
        select(ModelVersion)
        .outerjoin(
            ModelVersionOrigin,
            (col(ModelVersionOrigin.model) == col(ModelVersion.model))
            & (col(ModelVersionOrigin.version) == col(ModelVersion.version)),
        )
        .where(holds)
        .order_by(
            *(order or [VERSION_TIMES["last_updated_timestamp"].desc()]),
            col(ModelVersion.model),
            col(ModelVersion.version).desc(),
        )
    )
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("model_versions", rows, offset, size)
    if rows:
        page_of = rows[:size]
        answer["model_versions"] = versions(call.session, page_of, with_aliases=False)
    return answer


def _version_condition(call: Call, claim: Predicate) -> ColumnElement[bool]:
    now = call.store.now()
    if VERSIONS.entity(claim.field.entity) == "tag":
        return _tagged(_version_tag(claim.field.key), claim, now)
    key = VERSIONS.attribute(claim.field.key)
    if key == "version_number":
        spec = FieldSpec(key, "number", col(ModelVersion.version))
        return search_syntax.field_condition(
            spec, search_syntax.map_values(claim, _as_number), key, now
        )
    run = func.coalesce(col(ModelVersionOrigin.run), col(ModelVersion.run_id), "")
    made = func.coalesce("runs:/" + col(ModelVersion.run_id) + "/model", "")
    source = func.coalesce(col(ModelVersionOrigin.source), made)
    columns: dict[str, Any] = {"name": col(ModelVersion.model), "run_id": run}
    return search_syntax.field_condition(
        FieldSpec(key, "text", columns.get(key, source)), claim, "attribute", now
    )


def _as_number(value: Any) -> Any:
    """A quoted number counts as a number, as in the protocol."""
    return float(value) if isinstance(value, str) and value.isdecimal() else value


def _version_tag(key: str) -> FieldSpec:
    def within(holds: ColumnElement[bool]) -> ColumnElement[bool]:
        own = select(VersionTag).where(
            col(VersionTag.model) == col(ModelVersion.model),
            col(VersionTag.version) == col(ModelVersion.version),
            col(VersionTag.key) == key,
            holds,
        )
        return own.correlate(ModelVersion).exists()

    return FieldSpec(key, "text", col(VersionTag.value), within)


def _ordered(clauses: list[str], language: Language, columns: dict[str, Any]) -> list[Any]:
    return [_column(order, columns) for order in search_syntax.orders(clauses, language)]


def _column(order: Order, columns: dict[str, Any]) -> Any:
    if order.entity != "attribute":
        raise invalid(f"Invalid order by key '{order.key}' specified.")
    column = columns[order.key]
    return column.desc() if order.descending else column.asc()


ROUTES: tuple[Route, ...] = (
    read_route("registered-models/search", _models),
    read_route("model-versions/search", _versions),
)
