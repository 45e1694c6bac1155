"""Searching logged models: filter, order, and metrics on chosen datasets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select
from sqlmodel import col

from pilothouse.experiments.query import Predicate
from pilothouse.experiments.query.sql import Condition, FieldSpec
from pilothouse.experiments.tables import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)
from pilothouse.interop.mlflow import logged_models, search_syntax
from pilothouse.interop.mlflow.errors import invalid, missing
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route
from pilothouse.interop.mlflow.search_syntax import Language

DEFAULT_SIZE, MAX_RESULTS = 100, 50_000
COLUMNS: dict[str, Any] = {
    "name": col(LoggedModel.name),
    "model_id": col(LoggedModel.id),
    "model_type": col(LoggedModel.kind),
    "status": col(LoggedModel.status),
    "source_run_id": col(LoggedModel.run_id),
    "creation_timestamp": col(LoggedModel.created_at),
    "creation_time": col(LoggedModel.created_at),
    "last_updated_timestamp": col(LoggedModel.updated_at),
    "last_updated_time": col(LoggedModel.updated_at),
}
INSTANTS = {name for name in COLUMNS if name.endswith(("_time", "_timestamp"))}
ENTITIES = ("attribute", "metric", "param", "tag")
LANGUAGE = Language(
    entities={name: entity for entity in ENTITIES for name in (entity, f"{entity}s")},
    attributes=frozenset(COLUMNS),
)
Datasets = list[tuple[str, str]]


def _search(call: Call) -> dict[str, Any]:
    fields = call.fields
    numbers = [int(value) for value in fields.texts("experiment_ids") if value.isdecimal()]
    if not fields.texts("experiment_ids"):
        raise missing("experiment_ids")
    size = min(fields.integer("max_results") or DEFAULT_SIZE, MAX_RESULTS)
    if size < 0:
        raise invalid(f"Invalid value {size} for parameter 'max_results' supplied.")
    offset = offset_of(fields.text("page_token"))
    datasets = [
        (row.required("dataset_name"), row.text("dataset_digest"))
        for row in fields.rows("datasets")
    ]
    compared: set[str] = set()

    def claimed(claim: Predicate) -> ColumnElement[bool]:
        compared.add(LANGUAGE.entity(claim.field.entity))
        return _condition(call, claim, datasets)

    holds = search_syntax.condition(fields.text("filter"), claimed)
    query = (
        select(LoggedModel)
        .where(
            col(LoggedModel.experiment_id).in_(numbers),
            col(LoggedModel.archived_at).is_(None),
            holds,
        )
        .order_by(*_ordered(fields.rows("order_by")))
    )
    if datasets and "metric" not in compared:
        query = query.where(_has_metric(datasets))
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("models", rows, offset, size)
    if rows:
        answer["models"] = logged_models.serialise(call.session, rows[:size])
    return answer


def _condition(call: Call, claim: Predicate, datasets: Datasets) -> ColumnElement[bool]:
    entity, key = LANGUAGE.entity(claim.field.entity), claim.field.key
    if entity == "metric":
        spec = FieldSpec(key, "number", col(LoggedModelMetric.value), _with_metric(key, datasets))
    elif entity in ("param", "tag"):
        table: Any = LoggedModelParam if entity == "param" else LoggedModelTag
        columns = col(LoggedModel.id), col(table.model_id), col(table.key), col(table.value)
        spec = search_syntax.keyed_field(*columns, key)
        claim = search_syntax.map_values(claim, lambda value: _as_text(value, claim))
    elif key not in COLUMNS:
        raise invalid(f"Invalid attribute key '{key}' specified.")
    else:
        spec = FieldSpec(key, "time" if key in INSTANTS else "text", COLUMNS[key])
    _check_operator(spec, claim, entity)
    return search_syntax.field_condition(spec, claim, entity, call.store.now())


def _check_operator(spec: FieldSpec, claim: Predicate, entity: str) -> None:
    if claim.operator not in spec.operators:
        listed = ", ".join(f"'{operator}'" for operator in spec.operators)
        raise invalid(
            f"Invalid comparison operator for {entity}s.{claim.field.key}: '{claim.operator}'. "
            f"Expected one of ({listed})."
        )


def _as_text(value: Any, claim: Predicate) -> Any:
    """A bare number compared with a parameter or a tag is its digits, as in the protocol."""
    return claim.raw if isinstance(value, float) and not isinstance(claim.value, tuple) else value


def _with_metric(key: str, datasets: Datasets) -> Callable[[Condition], Condition]:
    def within(holds: Condition) -> Condition:
        named = col(LoggedModelMetric.key) == key
        models = select(col(LoggedModelMetric.model_id)).where(named, holds, _on(datasets))
        return col(LoggedModel.id).in_(models.correlate(None))

    return within


def _has_metric(datasets: Datasets) -> ColumnElement[bool]:
    """Datasets without a condition on a metric: any metric on one of them is enough."""
    models = select(col(LoggedModelMetric.model_id)).where(_on(datasets))
    return col(LoggedModel.id).in_(models)


def _on(datasets: Datasets) -> ColumnElement[bool]:
    name, digest = col(LoggedModelMetric.dataset_name), col(LoggedModelMetric.dataset_digest)
    if not datasets:
        return col(LoggedModelMetric.key) != ""
    return or_(*(and_(name == n, digest == d) if d else name == n for n, d in datasets))


def _ordered(orders: list[Fields]) -> list[Any]:
    clauses: list[Any] = []
    for row in orders:
        descending = row.has("ascending") and not row.flag("ascending")
        name = row.text("field_name")
        if name.startswith(("metrics.", "metric.")):
            column = _metric_column(name.partition(".")[2].strip('`"'), row)
        elif name.removeprefix("attributes.") in COLUMNS:
            column = COLUMNS[name.removeprefix("attributes.")]
        else:
            raise invalid(f"Invalid order by field name: {name}")
        clauses.append(case((column.is_(None), 1), else_=0))
        clauses.append(column.desc() if descending else column.asc())
    return [*clauses, col(LoggedModel.created_at).desc(), col(LoggedModel.id)]


def _metric_column(key: str, row: Fields) -> Any:
    """The newest value of a metric, on the named dataset and digest."""
    name, digest = row.text("dataset_name"), row.text("dataset_digest")
    on = [col(LoggedModelMetric.dataset_name) == name] if name else []
    on += [col(LoggedModelMetric.dataset_digest) == digest] if digest else []
    return (
        select(col(LoggedModelMetric.value))
        .where(
            col(LoggedModelMetric.model_id) == col(LoggedModel.id),
            col(LoggedModelMetric.key) == key,
            *on,
        )
        .order_by(
            col(LoggedModelMetric.at).desc(),
            col(LoggedModelMetric.step).desc(),
            col(LoggedModelMetric.run_id),
        )
        .limit(1)
        .correlate(LoggedModel)
        .scalar_subquery()
    )


ROUTES: tuple[Route, ...] = (read_route("logged-models/search", _search, "POST"),)
