"""The signature of a run's model, and how its metrics are called and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.kit.errors import PilothouseError
from pilothouse.models.answers import SIGNATURE_PATH
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import tasks
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.experiments.formatting import json_file
from pilothouse_app.features.experiments.metric_definitions import metric_kinds

if TYPE_CHECKING:
    from pilothouse.experiments.details import RunInfo
    from pilothouse.experiments.metrics.definitions import MetricKinds


def run_signature(run: RunInfo) -> Signature | None:
    """The signature of a run's model; None without one, or with one that cannot be read here."""
    try:
        value = json_file(workspace(), run, SIGNATURE_PATH)
        signature = None if value is None else Signature.from_json(value)
    except (PilothouseError, ValueError):
        return None
    return signature if signature is not None and signature.task in tasks.names() else None


def run_metric_kinds(run: RunInfo) -> MetricKinds:
    """Every metric with the titles of the run's task and the unit of its target."""
    return metric_kinds().of_model(run_signature(run))
