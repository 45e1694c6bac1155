"""What a run logs over the protocol: metrics, parameters, tags, batches, inputs, outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from pilothouse.experiments import late_writes, recording
from pilothouse.experiments.late_writes import MAX_LISTED, LateRun
from pilothouse.experiments.params import MAX_VALUE_LENGTH
from pilothouse.experiments.tables import Param, Run, RunModel, RunTag, Source, SourceUse
from pilothouse.interop.mlflow import logged_models, metric_batches
from pilothouse.interop.mlflow.errors import invalid, missing
from pilothouse.interop.mlflow.ingest import OfRun
from pilothouse.interop.mlflow.metric_batches import Logged, Point, check_name
from pilothouse.interop.mlflow.request_fields import Fields, pairs
from pilothouse.interop.mlflow.routing import Call, Route, writing
from pilothouse.interop.mlflow.run_serialisation import (
    CONTEXT,
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

MAX_PARAM_LENGTH = MAX_VALUE_LENGTH
MAX_METRICS, MAX_PARAMS, MAX_TAGS, MAX_AT_ONCE = 1000, 100, 100, 1000
MAX_DATASETS = 1000
HISTORY = "mlflow.log-model.history"
OF_A_MODEL = {"run_id", "artifact_path", "flavors", "utc_time_created"}
MAX_DATASET_LENGTHS = {"name": 500, "digest": 36, "source": 65_535, "schema": 1_048_575}
MAX_DATASET_LENGTHS |= {"profile": 16_777_215, "source_type": 36}


def _log_metric(call: Call) -> dict[str, Any]:
    run_id = run_id_of(call.fields)
    _log_points(call, run_id, metric_batches.one(call.fields))
    return {}


def _metric_of(fields: Fields) -> OfRun | None:
    """The point of a request, when it is about a run alone."""
    run_id, logged = run_id_of(fields), metric_batches.one(fields)
    return None if logged.of_models else (run_id, logged.stretches)


def _metrics_of(fields: Fields) -> OfRun | None:
    """The points of a batch that holds nothing else."""
    if fields.has("params") or fields.has("tags"):
        return None
    run_id, logged = run_id_of(fields), metric_batches.many(fields)
    _check_sizes(logged.count, 0, 0)
    return None if logged.of_models else (run_id, logged.stretches)


def _log_points(call: Call, run_id: str, logged: Logged) -> None:
    with _in_words(run_id):
        recording.log_points(call.session, call.store, run_id, logged.stretches)
    for point in logged.of_models:
        _log_model_metric(call.session, run_id, point)
    logged_models.record_figures(call.session, call.store, logged.of_models)


@contextmanager
def _in_words(run_id: str) -> Iterator[None]:
    """What a room refuses about a run, in the protocol's words."""
    try:
        yield
    except NotFound:
        raise no_run(run_id) from None
    except Conflict:
        raise not_active(run_id) from None


def _log_model_metric(session: Session, run_id: str, point: Point) -> None:
    logged_models.log_metric(
        session,
        point.model,
        run_id,
        key=point.key,
        value=point.value,
        at=from_ms(point.at_ms),
        step=point.step,
        dataset=(point.dataset_name, point.dataset_digest),
    )


def _log_param(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id, key = run_id_of(fields), fields.needed("key")
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
    """Keep parameters, or return those that have another value already and keep nothing."""
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
    logged = metric_batches.many(fields)
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
    params = {row.needed("key"): row.text("value")[:MAX_PARAM_LENGTH] for row in rows}
    for index, key in enumerate(params):
        check_name(key, "Param key", f"params[{index}].key")
    if len(params) < len(rows):
        keys = [row.needed("key") for row in rows]
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
        (total, metrics + params + tags, MAX_AT_ONCE),
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
    over = late_writes.late_run(session, run_id)
    names: list[str] = []
    for row in datasets:
        dataset = row.inner("dataset")
        texts = {name: dataset.text(name, most=most) for name, most in MAX_DATASET_LENGTHS.items()}
        tags = pairs(row.rows("tags"))
        if over is not None and over.versions:
            _check_use(session, over, run, texts, tags)
        use_dataset(session, run, texts, tags)
        names.append(f"{texts['name']} {texts['digest']}")
    for row in fields.rows("models"):
        _use_model(session, run.id, row, INPUT)
        names.append(row.text("model_id"))
    if over is not None and names:
        over.record(session, call.store, {}, {"inputs": names[:MAX_LISTED]})
    return {}


def _check_use(
    session: Session, over: LateRun, run: Run, texts: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Raise Refused when what is said of a dataset would change, and a version rests on the run."""
    query = (
        select(SourceUse)
        .join(Source, col(Source.id) == col(SourceUse.source_id))
        .where(
            col(SourceUse.run_id) == run.id,
            col(Source.name) == texts["name"],
            col(Source.digest) == texts["digest"],
        )
    )
    use = session.scalars(query).first()
    if use is not None and any(use.tags.get(key) != value for key, value in tags.items()):
        raise over.refuse(f"what it says of the dataset {texts['name']!r} stays as it is")


def use_dataset(
    session: Session, run: Run, texts: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Record that a run read a dataset, within `MAX_DATASET_LENGTHS`; its tags add up."""
    source = _source(session, run.experiment_id, texts)
    existing = session.get(SourceUse, (run.id, source.id))
    all_tags = {**(existing.tags if existing else {}), **tags}
    role = all_tags.get(CONTEXT, "")
    session.merge(SourceUse(run_id=run.id, source_id=source.id or 0, role=role, tags=all_tags))
    session.flush()


def _source(session: Session, experiment_id: int, texts: Mapping[str, str]) -> Source:
    query = select(Source).where(
        col(Source.experiment_id) == experiment_id,
        col(Source.name) == texts["name"],
        col(Source.digest) == texts["digest"],
    )
    source = session.scalars(query).first()
    if source is None:
        source = Source(
            experiment_id=experiment_id,
            name=texts["name"],
            digest=texts["digest"],
            source_type=texts["source_type"],
            source=texts["source"],
            columns=texts["schema"],
            profile=texts["profile"],
        )
        session.add(source)
        session.flush()
    return source


def _use_model(session: Session, run_id: str, row: Fields, direction: str) -> None:
    model = logged_models.find(session, row.needed("model_id"))
    used = RunModel(run_id=run_id, model_id=model.id, direction=direction, step=row.whole("step"))
    session.merge(used)
    session.flush()


def _log_outputs(call: Call) -> dict[str, Any]:
    fields = call.fields
    run_id = run_id_of(fields)
    if not fields.has("models"):
        raise missing("models")
    run = find_active(call.session, run_id)
    over = late_writes.late_run(call.session, run.id)
    for row in fields.rows("models"):
        _use_model(call.session, run.id, row, OUTPUT)
    if over is not None:
        models = [row.text("model_id") for row in fields.rows("models")]
        over.record(call.session, call.store, {}, {"outputs": models[:MAX_LISTED]})
    return {}


def _log_model(call: Call) -> dict[str, Any]:
    """The form of old clients: what a model says of itself is appended to a tag."""
    fields, session = call.fields, call.session
    run_id, text = run_id_of(fields), fields.needed("model_json")
    try:
        model = json.loads(text)
    except ValueError:
        raise invalid(f"Malformed model info. \n {text[:200]} \n is not valid JSON.") from None
    lacking = OF_A_MODEL if not isinstance(model, dict) else OF_A_MODEL - model.keys()
    if lacking:
        raise invalid(f"Model json is missing mandatory fields: {sorted(lacking)}")
    run = find_active(session, run_id)
    tag = session.get(RunTag, (run_id, HISTORY))
    history = [*(json.loads(tag.value) if tag else []), model]
    change_tags(call, run, {HISTORY: json.dumps(history)})
    return {}


ROUTES: tuple[Route, ...] = (
    Route(("POST",), "runs/log-metric", _log_metric, logs=_metric_of),
    writing("runs/log-parameter", _log_param),
    Route(("POST",), "runs/log-batch", _log_batch, logs=_metrics_of),
    writing("runs/log-inputs", _log_inputs),
    writing("runs/outputs", _log_outputs),
    writing("runs/log-model", _log_model),
)
