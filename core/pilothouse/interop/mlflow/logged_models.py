"""Logged models over the protocol: made, described, given parameters, tags and metrics."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import logged_model_changes
from pilothouse.experiments.logged_model_changes import (
    FAILED,
    PENDING,
    READY,
    NewLoggedModel,
    ParamConflict,
)
from pilothouse.experiments.tables import (
    Experiment,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)
from pilothouse.interop.limits import MAX_KEY_LENGTH, MAX_PARAM_LENGTH, MAX_RUN_TAG_LENGTH
from pilothouse.interop.mlflow import experiments
from pilothouse.interop.mlflow.errors import absent, invalid, missing
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, read_route, write_route
from pilothouse.interop.mlflow.run_serialisation import json_number
from pilothouse.kit import ids
from pilothouse.kit.clock import to_ms

STATUSES = {"1": PENDING, "2": READY, "3": FAILED}
STATUSES |= {status: status for status in (PENDING, READY, FAILED)}
FORBIDDEN = ("/", ":", ".", "%", '"', "'")
# The client writes this tag right after it registered a version: it is no change by a person.
BOOKKEEPING = frozenset({"mlflow.modelVersions"})
Json = dict[str, Any]


def find(session: Session, model_id: str) -> LoggedModel:
    """The logged model of an id, unless it is deleted. Raises the protocol's error."""
    model = session.get(LoggedModel, model_id)
    if model is None or model.archived_at is not None:
        raise absent(f"Logged model with ID '{model_id}' not found.")
    return model


def root_of(session: Session, model: LoggedModel) -> str:
    """The artifact location that clients get for the model."""
    return _root(experiments.find(session, str(model.experiment_id)), model.id)


def _root(experiment: Experiment, model_id: str) -> str:
    root = experiments.artifact_root(experiment)
    return experiments.join_location(root, "models", model_id, "artifacts")


def _create(call: Call) -> Json:
    fields, session, now = call.fields, call.session, call.store.now()
    experiment = experiments.find_active(session, fields.required("experiment_id"))
    params, tags = _params(fields), _tags(fields)
    model_id = f"m-{uuid.uuid4().hex}"
    model = logged_model_changes.create(
        session,
        NewLoggedModel(
            id=model_id,
            experiment_id=experiment.id or 0,
            name=_name(fields.text("name"), model_id),
            kind=fields.text("model_type", max_length=500),
            run_id=fields.text("source_run_id"),
            created_at=now,
        ),
    )
    logged_model_changes.write_params(session, model_id, params)
    logged_model_changes.write_tags(session, model_id, tags)
    return {"model": serialise(session, [model])[0]}


def _name(requested: str, model_id: str) -> str:
    if any(character in requested for character in FORBIDDEN):
        raise invalid(
            f"Invalid model name ({requested!r}) provided. Model name must be a non-empty string "
            f"and cannot contain the following characters: {FORBIDDEN}"
        )
    return requested or ids.run_name(model_id)


def _params(fields: Fields) -> dict[str, str]:
    rows = fields.rows("params")
    return {
        r.required("key", max_length=MAX_KEY_LENGTH): r.text("value", max_length=MAX_PARAM_LENGTH)
        for r in rows
    }


def _tags(fields: Fields) -> dict[str, str]:
    rows = fields.rows("tags")
    return {
        r.required("key", max_length=MAX_KEY_LENGTH): r.text("value", max_length=MAX_RUN_TAG_LENGTH)
        for r in rows
    }


def _get(call: Call) -> Json:
    return {"model": serialise(call.session, [find(call.session, _id(call.fields))])[0]}


def _id(fields: Fields) -> str:
    return fields.required("model_id")


def _finish(call: Call) -> Json:
    model = find(call.session, _id(call.fields))
    status = STATUSES.get(call.fields.enum_text("status"))
    if status is None:
        raise missing("status")
    logged_model_changes.set_status(call.session, call.store, model, status)
    return {"model": serialise(call.session, [model])[0]}


def _delete(call: Call) -> Json:
    model = call.session.get(LoggedModel, _id(call.fields))
    if model is None:
        raise absent(f"Logged model with ID '{_id(call.fields)}' not found.")
    logged_model_changes.archive(call.session, call.store, model)
    return {}


def _set_tags(call: Call) -> Json:
    model, tags = find(call.session, _id(call.fields)), _tags(call.fields)
    logged_model_changes.set_tags(call.session, call.store, model, tags, untraced=BOOKKEEPING)
    return {}


def _delete_tag(call: Call) -> Json:
    model, key = find(call.session, _id(call.fields)), call.fields.required("tag_key")
    if not logged_model_changes.delete_tag(call.session, call.store, model, key):
        raise absent(f"No tag with key '{key}' found for model with ID '{model.id}'.")
    return {}


def _log_params(call: Call) -> Json:
    model, params = find(call.session, _id(call.fields)), _params(call.fields)
    try:
        logged_model_changes.log_params(call.session, call.store, model, params)
    except ParamConflict as conflict:
        raise invalid(
            "Changing param values is not allowed. "
            f"Param with key='{conflict.key}' was already logged "
            f"with value='{conflict.value}' for model ID='{model.id}'."
        ) from None
    return {}


def serialise(session: Session, models: Sequence[LoggedModel]) -> list[Json]:
    """Logged models in full, in the order given."""
    model_ids = [model.id for model in models]
    numbers = {model.experiment_id for model in models}
    owners = {
        experiment.id: experiment
        for experiment in session.scalars(select(Experiment).where(col(Experiment.id).in_(numbers)))
    }
    tags, params = (
        _key_values(session, LoggedModelTag, model_ids),
        _key_values(session, LoggedModelParam, model_ids),
    )
    metrics = _metrics(session, model_ids)
    return [
        {
            "info": _info(model, _root(owners[model.experiment_id], model.id), tags[model.id]),
            "data": _without_empty(params=params[model.id], metrics=metrics[model.id]),
        }
        for model in models
    ]


def _info(model: LoggedModel, root: str, tags: list[Json]) -> Json:
    info = {
        "model_id": model.id,
        "experiment_id": str(model.experiment_id),
        "name": model.name,
        "creation_timestamp_ms": to_ms(model.created_at),
        "last_updated_timestamp_ms": to_ms(model.updated_at),
        "artifact_uri": root,
        "status": model.status,
        "model_type": model.kind,
        "source_run_id": model.run_id,
    }
    return info | _without_empty(tags=tags)


def _without_empty(**lists: list[Json]) -> Json:
    return {name: rows for name, rows in lists.items() if rows}


def _key_values(session: Session, table: Any, model_ids: Sequence[str]) -> dict[str, list[Json]]:
    columns = col(table.model_id), col(table.key), col(table.value)
    query = select(*columns).where(columns[0].in_(model_ids)).order_by(*columns[:2])
    pairs: dict[str, list[Json]] = defaultdict(list)
    for model_id, key, value in session.connection().execute(query):
        pairs[model_id].append({"key": key, "value": value})
    return pairs


def _metrics(session: Session, model_ids: Sequence[str]) -> dict[str, list[Json]]:
    order = (getattr(LoggedModelMetric, name) for name in ("key", "step", "at", "run_id"))
    query = (
        select(LoggedModelMetric)
        .where(col(LoggedModelMetric.model_id).in_(model_ids))
        .order_by(*order)
    )
    points: dict[str, list[Json]] = defaultdict(list)
    for row in session.scalars(query):
        point = {"key": row.key, "value": json_number(row.value), "timestamp": to_ms(row.at)}
        point |= {"step": row.step, "model_id": row.model_id, "run_id": row.run_id}
        if row.dataset_name:
            point |= {"dataset_name": row.dataset_name, "dataset_digest": row.dataset_digest}
        points[row.model_id].append(point)
    return points


ROUTES: tuple[Route, ...] = (
    write_route("logged-models", _create),
    read_route("logged-models/{model_id}", _get),
    write_route("logged-models/{model_id}", _finish, "PATCH"),
    write_route("logged-models/{model_id}", _delete, "DELETE"),
    write_route("logged-models/{model_id}/tags", _set_tags, "PATCH"),
    write_route("logged-models/{model_id}/tags/{tag_key}", _delete_tag, "DELETE"),
    write_route("logged-models/{model_id}/params", _log_params),
)
