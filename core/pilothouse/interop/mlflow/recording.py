"""What a run logs over the protocol: metrics, parameters, tags, batches, inputs, outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import (
    dataset_sources,
    late_writes,
    logged_model_changes,
    recording,
)
from pilothouse.experiments.dataset_sources import SourceDescription
from pilothouse.experiments.late_writes import MAX_LISTED
from pilothouse.experiments.logged_model_changes import ModelMetric
from pilothouse.experiments.tables import Param, RunTag
from pilothouse.interop.limits import MAX_DATASET_LENGTHS, MAX_PARAM_LENGTH
from pilothouse.interop.mlflow import logged_models, metric_batches
from pilothouse.interop.mlflow.errors import invalid, missing
from pilothouse.interop.mlflow.ingest import RunPoints
from pilothouse.interop.mlflow.metric_batches import MetricBatch, Point, check_name
from pilothouse.interop.mlflow.request_fields import Fields, pairs
from pilothouse.interop.mlflow.routing import Call, Route, write_route
from pilothouse.interop.mlflow.run_serialisation import (
    INPUT,
    OUTPUT,
    find_active,
    no_run,
    not_active,
)
from pilothouse.interop.mlflow.runs import change_tags, run_id_of, tags_of
from pilothouse.kit.clock import from_ms
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.storage import Store

MAX_METRICS, MAX_PARAMS, MAX_TAGS, MAX_BATCH = 1000, 100, 100, 1000
MAX_DATASETS = 1000
HISTORY = "mlflow.log-model.history"
REQUIRED_MODEL_FIELDS = {"run_id", "artifact_path", "flavors", "utc_time_created"}


def _log_metric(call: Call) -> dict[str, Any]:
    run_id = run_id_of(call.fields)
    _log_points(call, run_id, metric_batches.read_metric(call.fields))
    return {}


def _metric_of(fields: Fields) -> RunPoints | None:
    """The points of a request that is not about a logged model too."""
    run_id, logged = run_id_of(fields), metric_batches.read_metric(fields)
    return None if logged.of_models else (run_id, logged.series)


def _metrics_of(fields: Fields) -> RunPoints | None:
    """The points of a batch that holds nothing else."""
    if fields.has("params") or fields.has("tags"):
        return None
    run_id, logged = run_id_of(fields), metric_batches.read_metrics(fields)
    _check_sizes(logged.count, 0, 0)
    return None if logged.of_models else (run_id, logged.series)


def _log_points(call: Call, run_id: str, logged: MetricBatch) -> None:
    with _protocol_errors(run_id):
        recording.log_points(call.session, call.store, run_id, logged.series)
    for point in logged.of_models:
        _log_model_metric(call.session, run_id, point)
    metrics = [(point.model, point.key, point.value) for point in logged.of_models]
    logged_model_changes.record_metrics(call.session, call.store, metrics)


@contextmanager
def _protocol_errors(run_id: str) -> Iterator[None]:
    """Translate errors about a run into the protocol's."""
    try:
        yield
    except NotFound:
        raise no_run(run_id) from None
    except Conflict:
        raise not_active(run_id) from None


def _log_model_metric(session: Session, run_id: str, point: Point) -> None:
    metric = ModelMetric(
        key=point.key,
        value=point.value,
        at=from_ms(point.at_ms),
        step=point.step,
        run_id=run_id,
        dataset_name=point.dataset_name,
        dataset_digest=point.dataset_digest,
    )
    logged_model_changes.log_metric(session, logged_models.find(session, point.model), metric)


def _log_param(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id, key = run_id_of(fields), fields.required("key")
    value = fields.text("value")[:MAX_PARAM_LENGTH]
    check_name(key, "Param key", "key")
    conflicts = _log_params(call.session, call.store, run_id, {key: value})
    if conflicts:
        raise invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged "
            f"with value='{conflicts[key]}' for run ID='{run_id}'. "
            f"Attempted logging new value '{value}'."
        )
    return {}


def _log_params(
    session: Session, store: Store, run_id: str, params: Mapping[str, str]
) -> dict[str, str]:
    """Log parameters, or return those that have another value already and log none."""
    try:
        with session.begin_nested():
            late_writes.log_params(session, store, run_id, params)
        return {}
    except NotFound:
        raise no_run(run_id) from None
    except Conflict:
        find_active(session, run_id)
        rows = session.execute(
            select(col(Param.key), col(Param.value)).where(
                col(Param.run_id) == run_id, col(Param.key).in_(list(params))
            )
        )
        return {key: value for key, value in rows if params[key] != value}


def _log_batch(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id = run_id_of(fields)
    logged = metric_batches.read_metrics(fields)
    params, tags = _params(fields), tags_of(fields)
    for index, key in enumerate(tags):
        check_name(key, "key", f"tags[{index}].key")
    _check_sizes(logged.count, len(fields.rows("params")), len(fields.rows("tags")))
    _log_points(call, run_id, logged)
    if params:
        _log_all_params(call, run_id, params)
    if tags:
        change_tags(call, find_active(call.session, run_id), tags)
    return {}


def _params(fields: Fields) -> dict[str, str]:
    rows = fields.rows("params")
    params = {row.required("key"): row.text("value")[:MAX_PARAM_LENGTH] for row in rows}
    for index, key in enumerate(params):
        check_name(key, "Param key", f"params[{index}].key")
    if len(params) < len(rows):
        keys = [row.required("key") for row in rows]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
            "contains only one param value per param key."
        )
    return params


def _check_sizes(metrics: int, params: int, tags: int) -> None:
    total = "metrics, params, and tags"
    for noun, count, most in (
        ("metrics", metrics, MAX_METRICS),
        ("params", params, MAX_PARAMS),
        ("tags", tags, MAX_TAGS),
        (total, metrics + params + tags, MAX_BATCH),
    ):
        if count > most:
            raise invalid(
                f"A batch logging request can contain at most {most} {noun}. Got {count} {noun}. "
                f"Please split up {noun} across multiple requests and try again."
            )


def _log_all_params(call: Call, run_id: str, params: Mapping[str, str]) -> None:
    conflicts = _log_params(call.session, call.store, run_id, params)
    if conflicts:
        changes = [
            {"key": key, "old_value": old, "new_value": params[key]}
            for key, old in conflicts.items()
        ]
        raise invalid(
            "Changing param values is not allowed. Params were already logged="
            f"'{changes}' for run ID='{run_id}'."
        )


def _log_inputs(call: Call) -> dict[str, Any]:
    fields, session = call.fields, call.session
    run_id = run_id_of(fields)
    run = find_active(session, run_id)
    datasets = fields.rows("datasets")
    if len(datasets) > MAX_DATASETS:
        raise invalid(f"At most {MAX_DATASETS} datasets can be logged at once.")
    late = late_writes.late_run(session, run_id)
    names: list[str] = []
    for row in datasets:
        dataset, tags = _dataset(row.nested("dataset")), pairs(row.rows("tags"))
        if late is not None:
            dataset_sources.check_use(session, late, run, dataset, tags)
        dataset_sources.log_use(session, run, dataset, tags)
        names.append(f"{dataset.name} {dataset.digest}")
    for row in fields.rows("models"):
        _use_model(session, run.id, row, INPUT)
        names.append(row.text("model_id"))
    if late is not None and names:
        late.record(session, call.store, {}, {"inputs": names[:MAX_LISTED]})
    return {}


def _dataset(fields: Fields) -> SourceDescription:
    """A dataset by the protocol's names, of which one differs: it calls the columns the schema."""
    lengths = MAX_DATASET_LENGTHS
    texts = {
        name: fields.text("schema" if name == "columns" else name, max_length=most)
        for name, most in lengths.items()
    }
    return SourceDescription(**texts)


def _use_model(session: Session, run_id: str, row: Fields, direction: str) -> None:
    model = logged_models.find(session, row.required("model_id"))
    logged_model_changes.log_use(session, run_id, model.id, direction, row.integer("step"))


def _log_outputs(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id = run_id_of(fields)
    if not fields.has("models"):
        raise missing("models")
    run = find_active(call.session, run_id)
    late = late_writes.late_run(call.session, run.id)
    for row in fields.rows("models"):
        _use_model(call.session, run.id, row, OUTPUT)
    if late is not None:
        models = [row.text("model_id") for row in fields.rows("models")]
        late.record(call.session, call.store, {}, {"outputs": models[:MAX_LISTED]})
    return {}


def _log_model(call: Call) -> dict[str, Any]:
    """The form of old clients: a model's description is appended to a tag."""
    fields, session = call.fields, call.session
    run_id, text = run_id_of(fields), fields.required("model_json")
    try:
        model = json.loads(text)
    except ValueError:
        raise invalid(f"Malformed model info. \n {text[:200]} \n is not valid JSON.") from None
    lacking = (
        REQUIRED_MODEL_FIELDS
        if not isinstance(model, dict)
        else REQUIRED_MODEL_FIELDS - model.keys()
    )
    if lacking:
        raise invalid(f"Model json is missing mandatory fields: {sorted(lacking)}")
    run = find_active(session, run_id)
    tag = session.get(RunTag, (run_id, HISTORY))
    history = [*(json.loads(tag.value) if tag else []), model]
    change_tags(call, run, {HISTORY: json.dumps(history)})
    return {}


ROUTES: tuple[Route, ...] = (
    Route(("POST",), "runs/log-metric", _log_metric, points=_metric_of),
    write_route("runs/log-parameter", _log_param),
    Route(("POST",), "runs/log-batch", _log_batch, points=_metrics_of),
    write_route("runs/log-inputs", _log_inputs),
    write_route("runs/outputs", _log_outputs),
    write_route("runs/log-model", _log_model),
)
