"""Logged models over the protocol: made, described, given parameters, tags and figures."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from pilothouse.activity import record
from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import (
    Experiment,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)
from pilothouse.interop.mlflow import experiments
from pilothouse.interop.mlflow.errors import absent, invalid, missing
from pilothouse.interop.mlflow.metric_batches import Point
from pilothouse.interop.mlflow.request_fields import Fields
from pilothouse.interop.mlflow.routing import Call, Route, reading, writing
from pilothouse.interop.mlflow.run_serialisation import figure
from pilothouse.kit import ids
from pilothouse.kit.clock import to_ms
from pilothouse.storage import Store

PENDING, READY, FAILED = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"
STATUSES = {"1": PENDING, "2": READY, "3": FAILED} | {status: status for status in (PENDING, READY)}
STATUSES |= {FAILED: FAILED}
FORBIDDEN = ("/", ":", ".", "%", '"', "'")
MAX_KEY_LENGTH, MAX_PARAM_LENGTH, MAX_TAG_LENGTH = 250, 6000, 8000
# The client writes into this one, right after it registered a version, which version that is.
BOOKKEEPING = frozenset({"mlflow.modelVersions"})
Json = dict[str, Any]


def find(session: Session, model_id: str) -> LoggedModel:
    """The logged model of an id, unless it is deleted. Raises in the protocol's words."""
    model = session.get(LoggedModel, model_id)
    if model is None or model.archived_at is not None:
        raise absent(f"Logged model with ID '{model_id}' not found.")
    return model


def root_of(session: Session, model: LoggedModel) -> str:
    """Where the model's files are said to be."""
    return _root(experiments.find(session, str(model.experiment_id)), model.id)


def _root(experiment: Experiment, model_id: str) -> str:
    root = experiments.artifact_root(experiment)
    return experiments.below(root, "models", model_id, "artifacts")


def log_metric(
    session: Session,
    model_id: str,
    run_id: str,
    *,
    key: str,
    value: float,
    at: datetime,
    step: int,
    dataset: tuple[str, str],
) -> None:
    """Keep a figure of a logged model; the same point again replaces it.

    Raises Refused when a version rests on the figure, which another value would replace.
    """
    model = find(session, model_id)
    row = session.get(LoggedModelMetric, (model_id, key, step, at, run_id))
    number = None if math.isnan(value) else value
    if row is not None and row.value != number and model.status != PENDING:
        late_writes.refuse_held_model(session, model, f"its metric {key!r} stays as it is")
    session.merge(
        LoggedModelMetric(
            model_id=model_id,
            key=key,
            step=step,
            at=at,
            run_id=run_id,
            value=number,
            dataset_name=dataset[0],
            dataset_digest=dataset[1],
        )
    )
    session.flush()


def record_figures(session: Session, store: Store, figures: Sequence[Point]) -> None:
    """Write into the activity log which figures came to models that versions rest on."""
    by_model: dict[str, dict[str, float | str]] = defaultdict(dict)
    for point in figures:
        number: float | str = point.value if math.isfinite(point.value) else str(point.value)
        by_model[point.model][point.key] = number
    for model_id, values in by_model.items():
        if late_writes.versions_holding(session, [model_id]):
            after = {"metrics": late_writes.first_values(values)}
            late_writes.record_model(session, store, find(session, model_id), {}, after)


def _create(call: Call) -> Json:
    fields, session, now = call.fields, call.session, call.store.now()
    experiment = experiments.find_active(session, fields.needed("experiment_id"))
    params, tags = _params(fields), _tags(fields)
    model_id = f"m-{uuid.uuid4().hex}"
    model = LoggedModel(
        id=model_id,
        experiment_id=experiment.id or 0,
        name=_name(fields.text("name"), model_id),
        kind=fields.text("model_type", most=500),
        run_id=fields.text("source_run_id"),
        status=PENDING,
        created_at=now,
        updated_at=now,
    )
    session.add(model)
    session.flush()
    _write(session, model_id, params, tags)
    return {"model": described(session, [model])[0]}


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
        r.needed("key", most=MAX_KEY_LENGTH): r.text("value", most=MAX_PARAM_LENGTH) for r in rows
    }


def _tags(fields: Fields) -> dict[str, str]:
    rows = fields.rows("tags")
    return {
        r.needed("key", most=MAX_KEY_LENGTH): r.text("value", most=MAX_TAG_LENGTH) for r in rows
    }


def _write(
    session: Session, model_id: str, params: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    for key, value in params.items():
        session.merge(LoggedModelParam(model_id=model_id, key=key, value=value))
    for key, value in tags.items():
        session.merge(LoggedModelTag(model_id=model_id, key=key, value=value))
    session.flush()


def _get(call: Call) -> Json:
    return {"model": described(call.session, [find(call.session, _id(call.fields))])[0]}


def _id(fields: Fields) -> str:
    return fields.needed("model_id")


def _finish(call: Call) -> Json:
    model = find(call.session, _id(call.fields))
    status = STATUSES.get(call.fields.word("status"))
    if status is None:
        raise missing("status")
    if model.status == READY and status != READY:
        late_writes.refuse_held_model(call.session, model, "it stays ready")
    model.status, model.updated_at = status, call.store.now()
    call.session.add(model)
    if status == READY:
        record(
            call.session,
            call.store,
            "logged",
            "run" if model.run_id else "experiment",
            model.run_id or _experiment_name(call.session, model),
            after={"model": model.name, "id": model.id},
        )
    return {"model": described(call.session, [model])[0]}


def _experiment_name(session: Session, model: LoggedModel) -> str:
    return experiments.find(session, str(model.experiment_id)).name


def _delete(call: Call) -> Json:
    model = call.session.get(LoggedModel, _id(call.fields))
    if model is None:
        raise absent(f"Logged model with ID '{_id(call.fields)}' not found.")
    late_writes.refuse_held_model(call.session, model, "it stays")
    model.archived_at = model.updated_at = call.store.now()
    call.session.add(model)
    call.session.flush()
    named = {"name": model.name}
    late_writes.record_model(call.session, call.store, model, named, {}, "archived", reason="")
    return {}


def _set_tags(call: Call) -> Json:
    model, tags = find(call.session, _id(call.fields)), _tags(call.fields)
    before = _tags_before(call.session, model, tags)
    _write(call.session, model.id, {}, tags)
    after = {key: value for key, value in tags.items() if before.get(key) != value}
    changed = {key: value for key, value in after.items() if key not in BOOKKEEPING}
    if changed and late_writes.versions_holding(call.session, [model.id]):
        old = {"tags": late_writes.first_values(before)} if before else {}
        late_writes.record_model(
            call.session, call.store, model, old, {"tags": late_writes.first_values(changed)}
        )
    return {}


def _tags_before(session: Session, model: LoggedModel, tags: Iterable[str]) -> dict[str, str]:
    query = select(LoggedModelTag).where(
        col(LoggedModelTag.model_id) == model.id, col(LoggedModelTag.key).in_(list(tags))
    )
    return {row.key: row.value for row in session.scalars(query)}


def _delete_tag(call: Call) -> Json:
    model, key = find(call.session, _id(call.fields)), call.fields.needed("tag_key")
    before = _tags_before(call.session, model, [key])
    gone = delete(LoggedModelTag).where(
        col(LoggedModelTag.model_id) == model.id, col(LoggedModelTag.key) == key
    )
    if call.session.connection().execute(gone).rowcount == 0:
        raise absent(f"No tag with key '{key}' found for model with ID '{model.id}'.")
    if late_writes.versions_holding(call.session, [model.id]):
        late_writes.record_model(call.session, call.store, model, {"tags": before}, {})
    return {}


def _log_params(call: Call) -> Json:
    model, params = find(call.session, _id(call.fields)), _params(call.fields)
    query = select(LoggedModelParam).where(col(LoggedModelParam.model_id) == model.id)
    existing = {param.key: param.value for param in call.session.scalars(query)}
    for key, value in params.items():
        if existing.get(key, value) != value:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{key}' was already logged "
                f"with value='{existing[key]}' for model ID='{model.id}'."
            )
    fresh = {key: value for key, value in params.items() if key not in existing}
    if fresh and late_writes.versions_holding(call.session, [model.id]):
        after = {"params": late_writes.first_values(fresh)}
        late_writes.record_model(call.session, call.store, model, {}, after)
    _write(call.session, model.id, params, {})
    return {}


def described(session: Session, models: Sequence[LoggedModel]) -> list[Json]:
    """Logged models in full, in the order given."""
    model_ids = [model.id for model in models]
    numbers = {model.experiment_id for model in models}
    owners = {
        experiment.id: experiment
        for experiment in session.scalars(select(Experiment).where(col(Experiment.id).in_(numbers)))
    }
    tags, params = (
        _words(session, LoggedModelTag, model_ids),
        _words(session, LoggedModelParam, model_ids),
    )
    metrics = _metrics(session, model_ids)
    return [
        {
            "info": _info(model, _root(owners[model.experiment_id], model.id), tags[model.id]),
            "data": _full(params=params[model.id], metrics=metrics[model.id]),
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
    return info | _full(tags=tags)


def _full(**lists: list[Json]) -> Json:
    return {name: rows for name, rows in lists.items() if rows}


def _words(session: Session, table: Any, model_ids: Sequence[str]) -> dict[str, list[Json]]:
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
        point = {"key": row.key, "value": figure(row.value), "timestamp": to_ms(row.at)}
        point |= {"step": row.step, "model_id": row.model_id, "run_id": row.run_id}
        if row.dataset_name:
            point |= {"dataset_name": row.dataset_name, "dataset_digest": row.dataset_digest}
        points[row.model_id].append(point)
    return points


ROUTES: tuple[Route, ...] = (
    writing("logged-models", _create),
    reading("logged-models/{model_id}", _get),
    writing("logged-models/{model_id}", _finish, "PATCH"),
    writing("logged-models/{model_id}", _delete, "DELETE"),
    writing("logged-models/{model_id}/tags", _set_tags, "PATCH"),
    writing("logged-models/{model_id}/tags/{tag_key}", _delete_tag, "DELETE"),
    writing("logged-models/{model_id}/params", _log_params),
)
