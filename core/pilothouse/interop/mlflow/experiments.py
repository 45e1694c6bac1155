"""Experiments over the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, String, cast, func, select
from sqlmodel import Session, col

from pilothouse.experiments import experiment_changes
from pilothouse.experiments.experiment_changes import NewExperiment
from pilothouse.experiments.query import Predicate
from pilothouse.experiments.query.sql import FieldSpec
from pilothouse.experiments.tables import Experiment, ExperimentTag, Source, SourceUse
from pilothouse.interop.limits import (
    MAX_EXPERIMENT_NAME_LENGTH,
    MAX_EXPERIMENT_TAG_LENGTH,
    MAX_KEY_LENGTH,
)
from pilothouse.interop.mlflow import search_syntax
from pilothouse.interop.mlflow.errors import absent, exists, invalid
from pilothouse.interop.mlflow.pagination import offset_of, page
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route, write_route
from pilothouse.interop.mlflow.search_syntax import Language, Order
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict

MAX_RESULTS = 50_000
MAX_IN_DATASETS, MAX_DATASETS, MAX_NUMBER_LENGTH = 20, 1000, 18
LANGUAGE = Language(
    entities={"attribute": "attribute", "attributes": "attribute", "tag": "tag", "tags": "tag"},
    attributes=frozenset({"name", "experiment_id", "creation_time", "last_update_time"}),
)
INSTANTS: dict[str, Any] = {
    "creation_time": col(Experiment.created_at),
    "last_update_time": func.coalesce(col(Experiment.updated_at), col(Experiment.created_at)),
}


def find(session: Session, experiment_id: str) -> Experiment:
    """The experiment of an id as text. Raises the protocol's error."""
    if not experiment_id.lstrip("-").isdecimal() or len(experiment_id) > 18:
        raise invalid(
            f"Invalid experiment ID '{experiment_id}'. Experiment ID must be a valid integer."
        )
    experiment = session.get(Experiment, int(experiment_id))
    if experiment is None:
        raise no_experiment(experiment_id)
    return experiment


def find_active(session: Session, experiment_id: str) -> Experiment:
    """The experiment, when it is not deleted."""
    experiment = find(session, experiment_id)
    if experiment.archived_at is not None:
        raise invalid(
            f"The experiment {experiment_id} must be in the 'active' state. "
            "Current state is deleted."
        )
    return experiment


def no_experiment(experiment_id: str) -> Exception:
    """The error for an id that names none."""
    return absent(f"No Experiment with id={experiment_id} exists")


def artifact_root(experiment: Experiment) -> str:
    """The artifact location that clients get for the experiment."""
    return experiment.artifact_location or f"mlflow-artifacts:/{experiment.id}"


def join_location(location: str, *parts: str) -> str:
    """A location below another one; a query belongs to the whole URI and stays at its end."""
    path, mark, query = location.partition("?")
    return "/".join((path, *parts)) + mark + query


def _create(call: Call) -> dict[str, Any]:
    fields = call.fields
    name = fields.required("name", max_length=MAX_EXPERIMENT_NAME_LENGTH)
    tags = _tags(fields)
    location = checked_location(fields.text("artifact_location"))
    new = NewExperiment(name, artifact_location=location, tags=tags)
    with _name_errors(name):
        experiment = experiment_changes.create(call.session, call.store, new)
    return {"experiment_id": str(experiment.id)}


@contextmanager
def _name_errors(name: str) -> Iterator[None]:
    """Translate a name that is taken into the protocol's error."""
    try:
        yield
    except Conflict:
        raise exists(f"Experiment(name={name}) already exists.") from None


def checked_location(location: str) -> str:
    """An artifact location that may be stored: this server's, or one that it never opens."""
    path, mark, query = location.partition("?")
    if location and (".." in re.split(r"[/\\]", location) or ".." in query or "#" in location):
        raise invalid(f"Invalid artifact location: '{location}'.")
    return f"{path.rstrip('/')}{mark}{query}"


def _tags(fields: Fields) -> dict[str, str]:
    return {
        row.required("key", max_length=MAX_KEY_LENGTH): row.text(
            "value", max_length=MAX_EXPERIMENT_TAG_LENGTH
        )
        for row in fields.rows("tags")
    }


def _get(call: Call) -> dict[str, Any]:
    experiment = find(call.session, call.fields.required("experiment_id"))
    return {"experiment": serialise(call.session, [experiment])[0]}


def _get_by_name(call: Call) -> dict[str, Any]:
    name = call.fields.required("experiment_name")
    experiment = call.session.scalars(
        select(Experiment).where(col(Experiment.name) == name)
    ).first()
    if experiment is None:
        raise absent(f"Could not find experiment with name '{name}'")
    return {"experiment": serialise(call.session, [experiment])[0]}


def serialise(session: Session, experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Experiments as the protocol writes them."""
    numbers = [experiment.id for experiment in experiments]
    query = select(ExperimentTag).where(col(ExperimentTag.experiment_id).in_(numbers))
    tags: dict[int, list[dict[str, str]]] = {}
    for tag in session.scalars(query.order_by(col(ExperimentTag.key))):
        tags.setdefault(tag.experiment_id, []).append({"key": tag.key, "value": tag.value})
    return [_serialise(experiment, tags.get(experiment.id or 0, [])) for experiment in experiments]


def _serialise(experiment: Experiment, tags: list[dict[str, str]]) -> dict[str, Any]:
    info = {
        "experiment_id": str(experiment.id),
        "name": experiment.name,
        "artifact_location": artifact_root(experiment),
        "lifecycle_stage": "active" if experiment.archived_at is None else "deleted",
        "last_update_time": to_ms(experiment.updated_at or experiment.created_at),
        "creation_time": to_ms(experiment.created_at),
        "workspace": "default",
    }
    return info | ({"tags": tags} if tags else {})


def _update(call: Call) -> dict[str, Any]:
    fields = call.fields
    experiment_id, name = (
        fields.required("experiment_id"),
        fields.required("new_name", max_length=MAX_EXPERIMENT_NAME_LENGTH),
    )
    experiment = find(call.session, experiment_id)
    if experiment.archived_at is not None:
        raise invalid("Cannot rename a non-active experiment.")
    with _name_errors(name):
        experiment_changes.rename(call.session, call.store, experiment, name)
    return {}


def _delete(call: Call) -> dict[str, Any]:
    experiment_id = call.fields.required("experiment_id")
    experiment = find(call.session, experiment_id)
    if experiment.archived_at is not None:
        raise no_experiment(experiment_id)
    experiment_changes.archive(call.session, call.store, experiment)
    return {}


def _restore(call: Call) -> dict[str, Any]:
    experiment_id = call.fields.required("experiment_id")
    experiment = find(call.session, experiment_id)
    if experiment.archived_at is None:
        raise no_experiment(experiment_id)
    experiment_changes.restore(call.session, call.store, experiment)
    return {}


def _set_tag(call: Call) -> dict[str, Any]:
    fields = call.fields
    experiment_id, key = (
        fields.required("experiment_id"),
        fields.required("key", max_length=MAX_KEY_LENGTH),
    )
    value = fields.text("value", max_length=MAX_EXPERIMENT_TAG_LENGTH)
    experiment = find_active(call.session, experiment_id)
    experiment_changes.set_tags(call.session, experiment.id or 0, {key: value})
    return {}


def _delete_tag(call: Call) -> dict[str, Any]:
    experiment_id, key = call.fields.required("experiment_id"), call.fields.required("key")
    experiment = find_active(call.session, experiment_id)
    if not experiment_changes.delete_tag(call.session, experiment.id or 0, key):
        raise absent(f"No tag with name: {key} in experiment with id {experiment_id}")
    return {}


def _search(call: Call) -> dict[str, Any]:
    fields = call.fields
    size = _size(fields)
    offset = offset_of(fields.text("page_token"))
    query = (
        select(Experiment)
        .where(
            view(fields.text("view_type"), col(Experiment.archived_at)),
            search_syntax.condition(fields.text("filter"), lambda claim: _condition(call, claim)),
        )
        .order_by(*_ordered(search_syntax.orders(fields.texts("order_by"), LANGUAGE)))
    )
    rows = call.session.scalars(query.offset(offset).limit(size + 1)).all()
    answer = page("experiments", rows, offset, size)
    if rows:
        answer["experiments"] = serialise(call.session, rows[:size])
    return answer


def _search_datasets(call: Call) -> dict[str, Any]:
    """The datasets that the runs of some experiments have logged, each once by its context."""
    experiment_ids = call.fields.texts("experiment_ids")
    if not experiment_ids:
        raise invalid("SearchDatasets request must specify at least one experiment_id.")
    if len(experiment_ids) > MAX_IN_DATASETS:
        raise invalid(
            f"SearchDatasets request cannot specify more than {MAX_IN_DATASETS} experiment_ids. "
            f"Received {len(experiment_ids)} experiment_ids."
        )
    numbers = [
        int(value)
        for value in experiment_ids
        if value.isdecimal() and len(value) <= MAX_NUMBER_LENGTH
    ]
    columns = (col(Source.experiment_id), col(Source.name), col(Source.digest), col(SourceUse.role))
    query = (
        select(*columns)
        .join(SourceUse, col(SourceUse.source_id) == col(Source.id))
        .where(col(Source.experiment_id).in_(numbers))
        .distinct()
        .order_by(*columns)
        .limit(MAX_DATASETS)
    )
    summaries = [
        {"experiment_id": str(number), "name": name, "digest": digest}
        | ({"context": role} if role else {})
        for number, name, digest, role in call.session.execute(query)
    ]
    return {"dataset_summaries": summaries} if summaries else {}


def _size(fields: Fields) -> int:
    size = fields.integer("max_results")
    if size <= 0 or size > MAX_RESULTS:
        why = "be a positive integer" if size <= 0 else f"be at most {MAX_RESULTS}"
        raise invalid(f"Invalid value {size} for parameter 'max_results' supplied. It must {why}")
    return size


def view(view_type: str, archived_at: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """The condition of a view type: the active ones, unless it names another known view."""
    if view_type == "DELETED_ONLY":
        return archived_at.is_not(None)
    if view_type == "ALL":
        return archived_at.is_(None) | archived_at.is_not(None)
    return archived_at.is_(None)


def _condition(call: Call, claim: Predicate) -> ColumnElement[bool]:
    key, now = claim.field.key, call.store.now()
    if LANGUAGE.entity(claim.field.entity) == "tag":
        of, named = col(ExperimentTag.experiment_id), col(ExperimentTag.key)
        spec = search_syntax.keyed_field(
            col(Experiment.id), of, named, col(ExperimentTag.value), key
        )
        return search_syntax.field_condition(spec, claim, "tag", now)
    if LANGUAGE.attribute(key) in INSTANTS:
        return search_syntax.field_condition(
            FieldSpec(key, "time", INSTANTS[key]), claim, "attribute", now
        )
    column = cast(col(Experiment.id), String) if key == "experiment_id" else col(Experiment.name)
    return search_syntax.field_condition(FieldSpec(key, "text", column), claim, "attribute", now)


def _ordered(orders: Iterable[Order]) -> list[ColumnElement[Any]]:
    columns: dict[str, Any] = {
        "name": col(Experiment.name),
        "experiment_id": col(Experiment.id),
        **INSTANTS,
    }
    clauses: list[ColumnElement[Any]] = []
    for order in orders:
        if order.entity != "attribute":
            raise invalid(f"Invalid order_by entity: {order.entity}")
        column = columns[order.key]
        clauses.append(column.desc() if order.descending else column.asc())
    newest = [] if clauses else [col(Experiment.created_at).desc()]
    return [*clauses, *newest, col(Experiment.id).desc()]


ROUTES: tuple[Route, ...] = (
    write_route("experiments/create", _create),
    read_route("experiments/get", _get),
    read_route("experiments/get-by-name", _get_by_name),
    read_route("experiments/search", _search, "GET", "POST"),
    read_route("experiments/search-datasets", _search_datasets, "POST"),
    write_route("experiments/update", _update),
    write_route("experiments/delete", _delete),
    write_route("experiments/restore", _restore),
    write_route("experiments/set-experiment-tag", _set_tag),
    write_route("experiments/delete-experiment-tag", _delete_tag),
)
