"""Writing logged models: made, given parameters, tags, metrics and a status, archived.

A model version that is registered from a logged model rests on it (`late_writes`): from then on a
status, a parameter or a metric that the version was judged by is not replaced.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import Session, col

from pilothouse import activity
from pilothouse.experiments import late_writes
from pilothouse.experiments.tables import (
    Experiment,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunModel,
)
from pilothouse.kit.errors import Conflict
from pilothouse.storage import Store

# As they are stored.
PENDING, READY, FAILED = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"


class ParamConflict(Conflict):
    """A parameter of a logged model has another value already."""

    def __init__(self, model_id: str, key: str, value: str) -> None:
        super().__init__(
            f"the parameter {key!r} of the logged model {model_id} is {value!r} and cannot change."
        )
        self.key = key
        self.value = value


@dataclass(frozen=True)
class NewLoggedModel:
    """A logged model as the program that logs it describes it."""

    id: str
    experiment_id: int
    name: str
    kind: str
    run_id: str
    created_at: datetime


@dataclass(frozen=True)
class ModelMetric:
    """A metric of a logged model at a step of a run, on a dataset when one is named."""

    key: str
    value: float
    at: datetime
    step: int
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""


def create(session: Session, new: NewLoggedModel) -> LoggedModel:
    """Make a logged model that waits for its files."""
    model = LoggedModel(
        id=new.id,
        experiment_id=new.experiment_id,
        name=new.name,
        kind=new.kind,
        run_id=new.run_id,
        status=PENDING,
        created_at=new.created_at,
        updated_at=new.created_at,
    )
    session.add(model)
    session.flush()
    return model


def import_state(
    session: Session,
    model: LoggedModel,
    *,
    status: str,
    message: str,
    updated_at: datetime | None,
    archived_at: datetime | None,
) -> None:
    """Take over the state that a logged model has elsewhere; an archived one stays archived."""
    model.status, model.status_message = status, message
    model.updated_at = updated_at or model.updated_at
    model.archived_at = model.archived_at or archived_at
    session.add(model)
    session.flush()


def set_status(session: Session, store: Store, model: LoggedModel, status: str) -> None:
    """End the logging of a model, which is an activity when it is ready.

    Raises Refused when a version rests on the model and it would not be ready any more.
    """
    if model.status == READY and status != READY:
        late_writes.refuse_held_model(session, model, "it stays ready")
    model.status, model.updated_at = status, store.now()
    session.add(model)
    if status == READY:
        activity.record(
            session,
            store,
            "logged",
            "run" if model.run_id else "experiment",
            model.run_id or session.get_one(Experiment, model.experiment_id).name,
            after={"model": model.name, "id": model.id},
        )


def archive(session: Session, store: Store, model: LoggedModel) -> None:
    """Archive a logged model. Raises Refused when a version rests on it."""
    late_writes.refuse_held_model(session, model, "it stays")
    model.archived_at = model.updated_at = store.now()
    session.add(model)
    session.flush()
    before = {"name": model.name}
    late_writes.record_model(session, store, model, before, {}, "archived", reason="")


def write_params(session: Session, model_id: str, params: Mapping[str, str]) -> None:
    """Write parameters as they are, without a trace: for a model that is being made."""
    for key, value in params.items():
        session.merge(LoggedModelParam(model_id=model_id, key=key, value=value))
    session.flush()


def log_params(
    session: Session, store: Store, model: LoggedModel, params: Mapping[str, str]
) -> None:
    """Add parameters, each once. Raises ParamConflict when one has another value already."""
    query = select(LoggedModelParam).where(col(LoggedModelParam.model_id) == model.id)
    existing = {param.key: param.value for param in session.scalars(query)}
    for key, value in params.items():
        if existing.get(key, value) != value:
            raise ParamConflict(model.id, key, existing[key])

    new = {key: value for key, value in params.items() if key not in existing}
    if new and late_writes.versions_holding(session, [model.id]):
        after = {"params": late_writes.first_values(new)}
        late_writes.record_model(session, store, model, {}, after)
    write_params(session, model.id, params)


def write_tags(session: Session, model_id: str, tags: Mapping[str, str]) -> None:
    """Write tags as they are, without a trace: for a model that is being made."""
    for key, value in tags.items():
        session.merge(LoggedModelTag(model_id=model_id, key=key, value=value))
    session.flush()


def set_tags(
    session: Session,
    store: Store,
    model: LoggedModel,
    tags: Mapping[str, str],
    untraced: Set[str] = frozenset(),
) -> None:
    """Set tags; when versions rest on the model, the activity log says which, but `untraced`."""
    before = _tags(session, model, tags)
    write_tags(session, model.id, tags)

    after = {key: value for key, value in tags.items() if before.get(key) != value}
    changed = {key: value for key, value in after.items() if key not in untraced}
    if changed and late_writes.versions_holding(session, [model.id]):
        old = {"tags": late_writes.first_values(before)} if before else {}
        new = {"tags": late_writes.first_values(changed)}
        late_writes.record_model(session, store, model, old, new)


def _tags(session: Session, model: LoggedModel, keys: Iterable[str]) -> dict[str, str]:
    query = select(LoggedModelTag).where(
        col(LoggedModelTag.model_id) == model.id, col(LoggedModelTag.key).in_(list(keys))
    )
    return {row.key: row.value for row in session.scalars(query)}


def delete_tag(session: Session, store: Store, model: LoggedModel, key: str) -> bool:
    """Delete a tag; whether there was one."""
    before = _tags(session, model, [key])
    statement = delete(LoggedModelTag).where(
        col(LoggedModelTag.model_id) == model.id, col(LoggedModelTag.key) == key
    )
    if session.connection().execute(statement).rowcount == 0:
        return False
    if late_writes.versions_holding(session, [model.id]):
        late_writes.record_model(session, store, model, {"tags": before}, {})
    return True


def write_metric(session: Session, model_id: str, metric: ModelMetric) -> None:
    """Write a metric as it is; the same point again replaces it. NaN is stored as NULL."""
    session.merge(
        LoggedModelMetric(
            model_id=model_id,
            key=metric.key,
            step=metric.step,
            at=metric.at,
            run_id=metric.run_id,
            value=None if math.isnan(metric.value) else metric.value,
            dataset_name=metric.dataset_name,
            dataset_digest=metric.dataset_digest,
        )
    )


def log_metric(session: Session, model: LoggedModel, metric: ModelMetric) -> None:
    """Log a metric of a logged model; the same point again replaces it.

    Raises Refused when a version rests on the model and a point of it would change.
    """
    key = (model.id, metric.key, metric.step, metric.at, metric.run_id)
    row = session.get(LoggedModelMetric, key)
    value = None if math.isnan(metric.value) else metric.value
    if row is not None and row.value != value and model.status != PENDING:
        late_writes.refuse_held_model(session, model, f"its metric {metric.key!r} stays as it is")
    write_metric(session, model.id, metric)
    session.flush()


def record_metrics(
    session: Session, store: Store, metrics: Iterable[tuple[str, str, float]]
) -> None:
    """Write the metrics of models that versions rest on into the activity log.

    Each is a model's id, a key and a value, in the order in which they came.
    """
    by_model: dict[str, dict[str, float | str]] = defaultdict(dict)
    for model_id, key, value in metrics:
        # JSON has no word for what is not a finite number.
        by_model[model_id][key] = value if math.isfinite(value) else str(value)

    for model_id, values in by_model.items():
        if late_writes.versions_holding(session, [model_id]):
            after = {"metrics": late_writes.first_values(values)}
            model = session.get_one(LoggedModel, model_id)
            late_writes.record_model(session, store, model, {}, after)


def log_use(session: Session, run_id: str, model_id: str, direction: str, step: int = 0) -> None:
    """Record that a run read (`input`) or made (`output`) a logged model."""
    session.merge(RunModel(run_id=run_id, model_id=model_id, direction=direction, step=step))
    session.flush()
