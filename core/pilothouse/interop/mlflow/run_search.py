"""Searching runs: MLflow's filter and order, in the database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, case, cast, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from pilothouse.deployments.fields import DEPLOYMENTS
from pilothouse.experiments.query import Predicate
from pilothouse.experiments.query.runs import DATASETS, RunLanguage
from pilothouse.experiments.query.sql import FieldSpec
from pilothouse.experiments.tables import Experiment, Param, Run, RunMetric, RunTag
from pilothouse.interop.mlflow import search_syntax
from pilothouse.interop.mlflow.errors import invalid
from pilothouse.interop.mlflow.experiments import view
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.routing import Call, Route, read_route
from pilothouse.interop.mlflow.run_serialisation import (
    COMMIT,
    NOTE,
    PARENT,
    RUN_NAME,
    SOURCE_NAME,
    STATUS,
    serialise,
)
from pilothouse.interop.mlflow.search_syntax import Language, Order
from pilothouse.registry.fields import MODELS

DEFAULT_SIZE, MAX_RESULTS = 1000, 50_000
MAX_EXPERIMENTS = 10_000
ALIASES = {
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
    "created": "start_time",
    "Created": "start_time",
}
INSTANTS: dict[str, Any] = {"start_time": col(Run.started_at), "end_time": col(Run.ended_at)}
TEXTS = ("run_id", "run_name", "status", "user_id", "artifact_uri")
NAMES = {
    "metric": ("metric", "metrics"),
    "parameter": ("param", "params", "parameter", "parameters"),
    "tag": ("tag", "tags"),
    "attribute": ("attribute", "attributes", "attr", "run"),
    "dataset": ("dataset", "datasets"),
}
LANGUAGE = Language(
    entities={name: entity for entity, names in NAMES.items() for name in names},
    attributes=frozenset({*TEXTS, *INSTANTS, *ALIASES}),
)
DATASET = frozenset({"name", "digest", "context"})
RUN_FIELDS = {
    "run_id": "id",
    "run_name": "name",
    "user_id": "user",
    "start_time": "started",
    "end_time": "ended",
}
# Runs that were not started over the protocol have these in a column, not in a tag.
MIRRORED = {
    RUN_NAME: "name",
    PARENT: "parent",
    SOURCE_NAME: "source",
    COMMIT: "commit",
    NOTE: "note",
}
LARGER = (">", ">=", "<", "<=")
EXTENSIONS = (MODELS, DEPLOYMENTS)


def _search(call: Call) -> dict[str, Any]:
    fields = call.fields
    numbers = [int(value) for value in fields.texts("experiment_ids") if value.isdecimal()]
    size = fields.page_size(DEFAULT_SIZE, MAX_RESULTS)
    offset = offset_of(fields.text("page_token"))
    if len(numbers) > MAX_EXPERIMENTS:
        raise invalid(f"At most {MAX_EXPERIMENTS} experiments can be searched at once.")
    language = RunLanguage(call.store.now(), EXTENSIONS, call.session)
    query = select(Run).where(
        col(Run.experiment_id).in_(numbers),
        view(fields.text("run_view_type"), col(Run.archived_at)),
        search_syntax.condition(fields.text("filter"), lambda claim: _condition(language, claim)),
    )
    query = _sorted(query, search_syntax.orders(fields.texts("order_by"), LANGUAGE))
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("runs", rows, offset, size)
    if rows:
        answer["runs"] = serialise(call.session, rows[:size])
    return answer


def _condition(language: RunLanguage, claim: Predicate) -> ColumnElement[bool]:
    if _is_extension(language, claim):
        return language.of_predicate(claim)
    entity, key = LANGUAGE.entity(claim.field.entity), claim.field.key
    if entity == "attribute":
        return _attribute_condition(language, claim)
    if entity == "parameter" and claim.operator in LARGER and isinstance(claim.value, float):
        return language.of_predicate(claim)
    if entity == "dataset":
        search_syntax.valid_key("dataset", key, DATASET)
    spec = language.field_spec(claim)
    if entity == "tag" and key in MIRRORED:
        spec = replace(spec, alternatives=(language.own[MIRRORED[key]],))
    return search_syntax.field_condition(spec, claim, entity, language.now)


def _is_extension(language: RunLanguage, claim: Predicate) -> bool:
    """Whether the predicate is about a field that MLflow does not have."""
    named = claim.field
    if named.part or any(named.entity in room.names for room in EXTENSIONS):
        return True
    if LANGUAGE.entities.get(named.entity) == "dataset":
        return named.key in DATASETS.fields and named.key not in DATASET
    is_attribute = LANGUAGE.entities.get(named.entity or "attribute") == "attribute"
    return is_attribute and named.key not in LANGUAGE.attributes and named.key in language.own


def _attribute_condition(language: RunLanguage, claim: Predicate) -> ColumnElement[bool]:
    key = LANGUAGE.attribute(claim.field.key)
    key = ALIASES.get(key, key)
    if key in RUN_FIELDS:
        return search_syntax.field_condition(
            language.own[RUN_FIELDS[key]], claim, "attribute", language.now
        )
    if key == "status":
        claim = search_syntax.map_values(claim, lambda value: STATUS.get(value, value))
    return search_syntax.field_condition(
        FieldSpec(key, "text", _text(key)), claim, "attribute", language.now
    )


def _text(key: str) -> Any:
    """The column or expression of a text attribute."""
    if key == "status":
        return case(STATUS, value=col(Run.status))
    if key == "artifact_uri":
        return _artifact_uri()
    return {"run_id": col(Run.id), "run_name": col(Run.name), "user_id": col(Run.user)}[key]


class _PositionOf(FunctionElement[int]):
    """Where a text begins in another, counted from 1; 0 when it is not in it."""

    inherit_cache = True
    type = Integer()


@compiles(_PositionOf)
def _position(element: _PositionOf, compiler: Any, **options: Any) -> str:
    name = "strpos" if compiler.dialect.name == "postgresql" else "instr"
    return f"{name}({compiler.process(element.clauses, **options)})"


def _artifact_uri() -> Any:
    """A run's artifact URI in SQL; `run_serialisation.run_root` is the same in Python."""
    usual = literal("mlflow-artifacts:/") + cast(col(Experiment.id), String)
    root = func.coalesce(col(Experiment.artifact_location), usual)
    mark = _PositionOf(root, literal("?"))
    path = case((mark > 0, func.substr(root, 1, mark - 1)), else_=root)
    query = case((mark > 0, func.substr(root, mark)), else_="")
    return (
        select(path + literal("/") + col(Run.id) + literal("/artifacts") + query)
        .where(col(Experiment.id) == col(Run.experiment_id))
        .scalar_subquery()
    )


def _sorted(query: Select[Run], orders: list[Order]) -> Select[Run]:
    """Sort by all in order: NaN and then missing values last, ties by newest start, then id."""
    columns: list[Any] = []
    for index, order in enumerate(orders):
        query, missing_last, value = _order_column(query, order, index)
        columns += [*missing_last, value.desc() if order.descending else value.asc()]
    if not any(ALIASES.get(o.key, o.key) == "start_time" for o in orders):
        columns.append(col(Run.started_at).desc())
    return query.order_by(*columns, col(Run.id))


def _order_column(query: Any, order: Order, index: int) -> tuple[Any, list[Any], Any]:
    if order.entity == "attribute":
        key = ALIASES.get(order.key, order.key)
        value = INSTANTS[key] if key in INSTANTS else _text(key)
        return query, [case((value.is_(None), 1), else_=0)], value
    if order.entity == "dataset":
        raise invalid("Invalid identifier type 'dataset'")
    table: Any = {"metric": RunMetric, "parameter": Param, "tag": RunTag}[order.entity]
    named = select(table).where(col(table.key) == order.key).subquery(f"sorted_{index}")
    query = query.outerjoin(named, named.c.run_id == col(Run.id))
    value = named.c.last if order.entity == "metric" else named.c.value
    rank = case((named.c.run_id.is_(None), 2), (value.is_(None), 1), else_=0)
    return query, [rank], value


ROUTES: tuple[Route, ...] = (read_route("runs/search", _search, "POST"),)
