"""Writing a logged model as it was: through the functions of `experiments`, which own its rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from pilothouse.experiments import logged_model_changes
from pilothouse.experiments.files import writes
from pilothouse.experiments.files.writes import StoredFile
from pilothouse.experiments.logged_model_changes import (
    FAILED,
    PENDING,
    READY,
    ModelMetric,
    NewLoggedModel,
)
from pilothouse.experiments.tables import LoggedModel
from pilothouse.interop.importing import records
from pilothouse.interop.importing.report import ReportBuilder
from pilothouse.interop.importing.sanitise import is_valid_key, valid_pairs
from pilothouse.interop.limits import MAX_PARAM_LENGTH
from pilothouse.kit import ids
from pilothouse.storage import Store

STATUSES = (PENDING, READY, FAILED)
MAX_TEXT_LENGTH = 500


def write(
    session: Session,
    store: Store,
    report: ReportBuilder,
    model: records.LoggedModelRecord,
    experiment_id: int,
    files: Iterable[StoredFile],
) -> None:
    """Make the logged model, or update the one that is here to what the source says now."""
    row = session.get(LoggedModel, model.id)
    if row is None:
        row = logged_model_changes.create(session, _new_model(store, model, experiment_id))
    logged_model_changes.import_state(
        session,
        row,
        status=model.status if model.status in STATUSES else PENDING,
        message=model.message[:MAX_TEXT_LENGTH],
        updated_at=model.updated_at,
        archived_at=(model.updated_at or store.now()) if model.deleted else None,
    )

    params = valid_pairs(model.params, report, "parameter", model.id, MAX_PARAM_LENGTH)
    logged_model_changes.write_params(session, model.id, params)
    tags = valid_pairs(model.tags, report, "tag", model.id)
    logged_model_changes.write_tags(session, model.id, tags)
    for metric in model.metrics:
        _write_metric(session, report, model, metric)
    for file in files:
        writes.write_file(session, model.id, file.path, file.digest, file.size)
    session.flush()


def _new_model(
    store: Store, model: records.LoggedModelRecord, experiment_id: int
) -> NewLoggedModel:
    return NewLoggedModel(
        id=model.id,
        experiment_id=experiment_id,
        name=model.name[:MAX_TEXT_LENGTH] or ids.run_name(model.id),
        kind=model.kind[:MAX_TEXT_LENGTH],
        run_id=model.run_id[:MAX_TEXT_LENGTH],
        created_at=model.created_at or model.updated_at or store.now(),
    )


def _write_metric(
    session: Session,
    report: ReportBuilder,
    model: records.LoggedModelRecord,
    metric: records.MetricRecord,
) -> None:
    if not is_valid_key(metric.key):
        report.broken("metric", f"{model.id}/{metric.key}", "it cannot name a metric")
        return
    logged_model_changes.write_metric(
        session,
        model.id,
        ModelMetric(
            key=metric.key,
            value=metric.value,
            at=metric.at,
            step=metric.step,
            run_id=metric.run_id[:MAX_TEXT_LENGTH],
            dataset_name=metric.dataset_name[:MAX_TEXT_LENGTH],
            dataset_digest=metric.dataset_digest[:MAX_TEXT_LENGTH],
        ),
    )
