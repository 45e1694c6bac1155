"""Which way a task's performance is estimated, fitted to a reference and applied to a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pilothouse.models.metrics.expected_metrics import Estimate
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import ExpectsClasses, ExpectsLosses, task_of
from pilothouse.monitoring.estimation.class_estimator import (
    ClassEstimator,
    class_estimator_from_json,
    fit_classes,
)
from pilothouse.monitoring.estimation.loss_estimator import (
    LossEstimator,
    fit_losses,
    loss_estimator_from_json,
)
from pilothouse.monitoring.performance import answered_rows, is_labelled, output_fault
from pilothouse.monitoring.window_rows import WindowRows

PerformanceEstimator = ClassEstimator | LossEstimator


@dataclass(frozen=True)
class EstimatedPerformance:
    """The estimated metrics of the rows of a window that have outputs."""

    rows: int
    method: str = ""
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    gaps: Mapping[str, float] = field(default_factory=dict)


def fit_estimator(
    signature: Signature, rows: WindowRows, metrics: Mapping[str, float]
) -> PerformanceEstimator | None:
    """The estimator that labelled rows and their metrics allow; None when they allow none."""
    task = task_of(signature)
    if not metrics or output_fault(task, signature, rows.outputs):
        return None
    usable = is_labelled(rows.truth) & answered_rows(task, signature, rows.outputs, len(rows))
    outputs = {name: values[usable] for name, values in rows.outputs.items()}
    truth = rows.truth[usable]
    if isinstance(task, ExpectsClasses):
        return fit_classes(task, signature, outputs, truth, metrics)
    if isinstance(task, ExpectsLosses):
        return fit_losses(task, signature, rows.features[usable], outputs, truth)
    return None


def estimate_performance(
    estimator: PerformanceEstimator | None, signature: Signature, rows: WindowRows
) -> EstimatedPerformance:
    """The metrics that the rows would have if labels followed inputs as in the reference."""
    task = task_of(signature)
    if estimator is None or output_fault(task, signature, rows.outputs):
        return EstimatedPerformance(0)
    answered = answered_rows(task, signature, rows.outputs, len(rows))
    count = int(answered.sum())
    if not count:
        return EstimatedPerformance(0, estimator.method, {}, estimator.gaps)
    outputs = {name: values[answered] for name, values in rows.outputs.items()}
    metrics: Mapping[str, Estimate] = {}
    if isinstance(estimator, ClassEstimator) and isinstance(task, ExpectsClasses):
        metrics = estimator.estimate(task, signature, outputs)
    elif isinstance(estimator, LossEstimator) and isinstance(task, ExpectsLosses):
        metrics = estimator.estimate(task, signature, rows.features[answered], outputs)
    finite = {
        key: made for key, made in metrics.items() if np.isfinite([made.value, made.error]).all()
    }
    return EstimatedPerformance(count, estimator.method, finite, estimator.gaps)


def estimator_to_json(estimator: PerformanceEstimator | None) -> dict[str, Any]:
    """Plain values that `estimator_from_json` reads back; empty for none."""
    return {} if estimator is None else estimator.to_json()


def estimator_from_json(value: Mapping[str, Any]) -> PerformanceEstimator | None:
    """The estimator that `estimator_to_json` wrote."""
    if not value:
        return None
    if value["method"] == LossEstimator.method:
        return loss_estimator_from_json(value)
    return class_estimator_from_json(value)
