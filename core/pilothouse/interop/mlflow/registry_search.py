"""Searching registered models and their versions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import col

from pilothouse.interop.mlflow import clauses
from pilothouse.interop.mlflow.clauses import Language, Order
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.experiments import tagged
from pilothouse.interop.mlflow.filters import Comparison
from pilothouse.interop.mlflow.pages import offset_of, page
from pilothouse.interop.mlflow.routing import Call, Route, reading
from pilothouse.interop.mlflow.version_facts import models, versions
from pilothouse.registry.tables import Model, ModelTag, ModelVersion, VersionOrigin, VersionTag

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
    holds = clauses.condition(fields.text("filter"), lambda claim: _model_holds(call, claim))
    columns = {"name": col(Model.name), "timestamp": MODEL_TIMES["last_updated_timestamp"]}
    order = _ordered(fields.texts("order_by"), MODELS_ORDER, columns | MODEL_TIMES)
    query = select(Model).where(holds).order_by(*order, col(Model.name))
    found = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("registered_models", found, offset, size)
    if found:
        answer["registered_models"] = models(call.session, found[:size])
    return answer


def _model_holds(call: Call, claim: Comparison) -> ColumnElement[bool]:
    if MODELS.entity(claim.entity) == "attribute":
        MODELS.attribute(claim.key)
        if claim.operator not in clauses.TEXTUAL:
            raise invalid(f"Invalid comparator for attribute: {claim.operator}")
        return clauses.textual(col(Model.name), claim, "attribute", is_sqlite=call.is_sqlite)
    columns = col(Model.name), col(ModelTag.model), col(ModelTag.key), col(ModelTag.value)
    holds = tagged(claim, *columns, is_sqlite=call.is_sqlite)
    if claim.key == PROMPT and claim.operator == "!=":
        without = select(col(ModelTag.model)).where(col(ModelTag.key) == PROMPT)
        return or_(holds, col(Model.name).not_in(without))
    return holds


def _versions(call: Call) -> dict[str, Any]:
    fields = call.fields
    size, offset = fields.page_size(10_000, 200_000), offset_of(fields.text("page_token"))
    holds = clauses.condition(fields.text("filter"), lambda claim: _version_holds(call, claim))
    columns = {"name": col(ModelVersion.model), "version_number": col(ModelVersion.number)}
    order = _ordered(fields.texts("order_by"), VERSIONS_ORDER, columns | VERSION_TIMES)
    query = (
        select(ModelVersion)
        .outerjoin(
            VersionOrigin,
            (col(VersionOrigin.model) == col(ModelVersion.model))
            & (col(VersionOrigin.number) == col(ModelVersion.number)),
        )
        .where(holds)
        .order_by(
            *(order or [VERSION_TIMES["last_updated_timestamp"].desc()]),
            col(ModelVersion.model),
            col(ModelVersion.number).desc(),
        )
    )
    found = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("model_versions", found, offset, size)
    if found:
        answer["model_versions"] = versions(call.session, found[:size])
    return answer


def _version_holds(call: Call, claim: Comparison) -> ColumnElement[bool]:
    if VERSIONS.entity(claim.entity) == "tag":
        return _version_tagged(call, claim)
    key = VERSIONS.attribute(claim.key)
    if key == "version_number":
        return clauses.numeric(col(ModelVersion.number), _numbered(claim), "version_number")
    run = func.coalesce(col(VersionOrigin.run), col(ModelVersion.run_id), "")
    source = func.coalesce(
        col(VersionOrigin.source), "runs:/" + col(ModelVersion.run_id) + "/model"
    )
    columns: dict[str, Any] = {"name": col(ModelVersion.model), "run_id": run}
    column = columns.get(key, source)
    return clauses.textual(column, claim, "attribute", is_sqlite=call.is_sqlite)


def _numbered(claim: Comparison) -> Comparison:
    """A quoted number is a number here, as in the protocol."""
    if isinstance(claim.value, str) and claim.value.isdecimal():
        value = float(claim.value)
        return Comparison(claim.entity, claim.key, claim.operator, value, claim.raw)
    return claim


def _version_tagged(call: Call, claim: Comparison) -> ColumnElement[bool]:
    own = col(ModelVersion.model), col(ModelVersion.number)
    has_it = select(VersionTag).where(
        col(VersionTag.model) == own[0],
        col(VersionTag.number) == own[1],
        col(VersionTag.key) == claim.key,
    )
    if claim.operator in clauses.NULLS:
        return has_it.exists() if claim.operator == "IS NOT NULL" else ~has_it.exists()
    value = col(VersionTag.value)
    holds = has_it.where(clauses.textual(value, claim, "tag", is_sqlite=call.is_sqlite)).exists()
    if claim.key == PROMPT and claim.operator == "!=":
        return or_(holds, ~has_it.exists())
    return holds


def _ordered(wanted: list[str], language: Language, columns: dict[str, Any]) -> list[Any]:
    return [_column(order, columns) for order in clauses.orders(wanted, language)]


def _column(order: Order, columns: dict[str, Any]) -> Any:
    if order.entity != "attribute":
        raise invalid(f"Invalid order by key '{order.key}' specified.")
    column = columns[order.key]
    return column.desc() if order.descending else column.asc()


ROUTES: tuple[Route, ...] = (
    reading("registered-models/search", _models),
    reading("model-versions/search", _versions),
)
