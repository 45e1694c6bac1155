"""Writing a logged model as it was."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sqlmodel import Session

from pilothouse.experiments.tables import (
    File,
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)
from pilothouse.interop.importing import records
from pilothouse.interop.importing.report import Notes
from pilothouse.interop.importing.sanitise import is_fit_key, pairs
from pilothouse.interop.mlflow.artifact_paths import Kept
from pilothouse.interop.mlflow.logged_models import MAX_PARAM_LENGTH, PENDING, STATUSES
from pilothouse.kit import ids
from pilothouse.storage import Store

MAX_NAME_LENGTH = 500


def write(
    session: Session,
    store: Store,
    notes: Notes,
    model: records.LoggedModelRecord,
    experiment_id: int,
    files: Iterable[Kept],
) -> None:
    """Make the logged model, or bring the one that is here up to what they say now."""
    row = session.get(LoggedModel, model.id) or _made(store, model, experiment_id)
    row.status = STATUSES.get(model.status, PENDING)
    row.status_message = model.message[:MAX_NAME_LENGTH]
    row.updated_at = model.updated_at or row.updated_at
    if model.deleted and row.archived_at is None:
        row.archived_at = model.updated_at or store.now()
    session.add(row)
    session.flush()
    params = pairs(model.params, notes, "parameter", model.id, MAX_PARAM_LENGTH)
    for key, value in params.items():
        session.merge(LoggedModelParam(model_id=model.id, key=key, value=value))
    for key, value in pairs(model.tags, notes, "tag", model.id).items():
        session.merge(LoggedModelTag(model_id=model.id, key=key, value=value))
    for figure in model.figures:
        _log_figure(session, notes, model, figure)
    for file in files:
        session.merge(File(root=model.id, path=file.path, digest=file.digest, size=file.size))
    session.flush()


def _made(store: Store, model: records.LoggedModelRecord, experiment_id: int) -> LoggedModel:
    made = model.created_at or model.updated_at or store.now()
    return LoggedModel(
        id=model.id,
        experiment_id=experiment_id,
        name=model.name[:MAX_NAME_LENGTH] or ids.run_name(model.id),
        kind=model.kind[:MAX_NAME_LENGTH],
        run_id=model.run_id[:MAX_NAME_LENGTH],
        status=PENDING,
        created_at=made,
        updated_at=made,
    )


def _log_figure(
    session: Session, notes: Notes, model: records.LoggedModelRecord, figure: records.MetricRecord
) -> None:
    if not is_fit_key(figure.key):
        notes.broken("metric", f"{model.id}/{figure.key}", "it cannot name a metric")
        return
    session.merge(
        LoggedModelMetric(
            model_id=model.id,
            key=figure.key,
            step=figure.step,
            at=figure.at,
            run_id=figure.run_id[:MAX_NAME_LENGTH],
            value=None if math.isnan(figure.value) else figure.value,
            dataset_name=figure.dataset_name[:MAX_NAME_LENGTH],
            dataset_digest=figure.dataset_digest[:MAX_NAME_LENGTH],
        )
    )
