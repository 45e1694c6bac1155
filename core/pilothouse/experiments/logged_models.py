"""Logged models and logged datasets, as facts: what an MLflow client said a run made and read."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import Session, col

from pilothouse.experiments.tables import (
    Experiment,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
    RunModel,
    Source,
    SourceUse,
)
from pilothouse.kit.errors import NotFound
from pilothouse.models.mlmodel import ColumnInfo, signature_columns

INPUT, OUTPUT = "input", "output"
STATUSES = {
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "failed",
}


@dataclass(frozen=True)
class LoggedMetric:
    """A figure of a logged model, on a dataset when one was named."""

    key: str
    value: float
    step: int
    dataset: str
    digest: str


@dataclass(frozen=True)
class LoggedModelInfo:
    """A model that a program logged. `use` says what the run did with it: input or output."""

    id: str
    name: str
    kind: str
    status: str
    status_message: str
    experiment: str
    run_id: str
    created_at: datetime
    updated_at: datetime
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: tuple[LoggedMetric, ...]
    use: str = OUTPUT
    step: int | None = None


@dataclass(frozen=True)
class SourceInfo:
    """A dataset as the program that logged it describes it."""

    name: str
    digest: str
    role: str
    kind: str
    source: str
    columns: tuple[ColumnInfo, ...]
    profile: Mapping[str, str]
    tags: Mapping[str, str]


def models_of_run(session: Session, run_id: str) -> tuple[LoggedModelInfo, ...]:
    """The logged models that a run made or read, the oldest first."""
    query = select(RunModel).where(col(RunModel.run_id) == run_id)
    uses = {row.model_id: row for row in session.scalars(query)}
    either = or_(col(LoggedModel.run_id) == run_id, col(LoggedModel.id).in_(list(uses)))
    infos = _infos(session, either)
    return tuple(_with_direction(info, uses.get(info.id), run_id) for info in infos)


def model(session: Session, model_id: str) -> LoggedModelInfo:
    """One logged model. Raises NotFound when there is none, or it is deleted."""
    infos = _infos(session, col(LoggedModel.id) == model_id)
    if not infos:
        raise NotFound(f"no logged model with the id {model_id!r}")
    return infos[0]


def _with_direction(info: LoggedModelInfo, use: RunModel | None, run_id: str) -> LoggedModelInfo:
    values = dict(vars(info))
    if use is None:
        return LoggedModelInfo(**values | {"use": OUTPUT if info.run_id == run_id else INPUT})
    step = use.step if use.direction == OUTPUT else None
    return LoggedModelInfo(**values | {"use": use.direction, "step": step})


def _infos(session: Session, condition: Any) -> list[LoggedModelInfo]:
    query = (
        select(LoggedModel, col(Experiment.name))
        .join(Experiment, col(Experiment.id) == col(LoggedModel.experiment_id))
        .where(condition, col(LoggedModel.archived_at).is_(None))
        .order_by(col(LoggedModel.created_at), col(LoggedModel.id))
    )
    rows = session.execute(query).all()
    ids = [row.id for row, _ in rows]
    params, tags = (
        _values_by_model(session, LoggedModelParam, ids),
        _values_by_model(session, LoggedModelTag, ids),
    )
    figures = _latest_metrics(session, ids)

    return [
        LoggedModelInfo(
            id=row.id,
            name=row.name,
            kind=row.kind,
            status=STATUSES.get(row.status, row.status.lower()),
            status_message=row.status_message,
            experiment=experiment,
            run_id=row.run_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
            params=params[row.id],
            tags=tags[row.id],
            metrics=figures[row.id],
        )
        for row, experiment in rows
    ]


def _values_by_model(session: Session, table: Any, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    query = select(table).where(col(table.model_id).in_(ids)).order_by(col(table.key))
    by_model: dict[str, dict[str, str]] = defaultdict(dict)
    for row in session.scalars(query):
        by_model[row.model_id][row.key] = row.value
    return by_model


def _latest_metrics(session: Session, ids: Sequence[str]) -> dict[str, tuple[LoggedMetric, ...]]:
    """The newest figure of each key and dataset."""
    query = (
        select(LoggedModelMetric)
        .where(col(LoggedModelMetric.model_id).in_(ids))
        .order_by(*(col(getattr(LoggedModelMetric, name)) for name in ("key", "step", "at")))
    )
    latest: dict[str, dict[tuple[str, str, str], LoggedMetric]] = defaultdict(dict)
    for row in session.scalars(query):
        value = math.nan if row.value is None else row.value
        figure = LoggedMetric(row.key, value, row.step, row.dataset_name, row.dataset_digest)
        latest[row.model_id][figure.key, figure.dataset, figure.digest] = figure
    return defaultdict(tuple, {model: tuple(metrics.values()) for model, metrics in latest.items()})


def sources_of_run(session: Session, run_id: str) -> tuple[SourceInfo, ...]:
    """The datasets that a program said a run read, in the order in which they became known."""
    query = (
        select(SourceUse, Source)
        .join(Source, col(Source.id) == col(SourceUse.source_id))
        .where(col(SourceUse.run_id) == run_id)
        .order_by(col(Source.id))
    )
    return tuple(_source(use, source) for use, source in session.execute(query))


def _source(use: SourceUse, source: Source) -> SourceInfo:
    profile = _json(source.profile)
    return SourceInfo(
        name=source.name,
        digest=source.digest,
        role=use.role,
        kind=source.source_type,
        source=_address_of(source.source),
        columns=_columns(_json(source.columns)),
        profile={str(key): str(value) for key, value in profile.items()}
        if isinstance(profile, dict)
        else {},
        tags={key: value for key, value in use.tags.items() if key != "mlflow.data.context"},
    )


def _address_of(source: str) -> str:
    """The address inside what MLflow writes of a source, or its words as they are."""
    value = _json(source)
    if isinstance(value, dict):
        for name in ("uri", "url", "path", "table_name", "delta_table_name"):
            if isinstance(value.get(name), str):
                return str(value[name])
        tags = value.get("tags")
        if isinstance(tags, dict) and isinstance(tags.get("mlflow.source.name"), str):
            return str(tags["mlflow.source.name"])
    return source


def _columns(schema: Any) -> tuple[ColumnInfo, ...]:
    """The columns of a table, or of the features and targets of tensors."""
    if not isinstance(schema, dict):
        return ()
    table = signature_columns(schema.get("mlflow_colspec"))
    tensors = schema.get("mlflow_tensorspec")
    if table or not isinstance(tensors, dict):
        return table
    return signature_columns(tensors.get("features")) + signature_columns(tensors.get("targets"))


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
