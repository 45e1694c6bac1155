"""Estimated metrics as checks: held to the limits of the observed metric, they only warn.

An estimate assumes that labels follow inputs as they did in the reference. So labels overrule it:
where the observed metric of the same window is ok, its estimate does not warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.comparison.statistics.standard_errors import StandardError
from pilothouse.monitoring.checks import (
    ESTIMATED_PERFORMANCE,
    FAIL,
    INSUFFICIENT,
    NOT_EVALUATED,
    OK,
    PERFORMANCE,
    WARN,
    Check,
)
from pilothouse.monitoring.estimation.performance_estimator import EstimatedPerformance
from pilothouse.monitoring.metric_chance import beyond_chance
from pilothouse.monitoring.performance import MonitoredMetric

if TYPE_CHECKING:
    from pilothouse.monitoring.reference_profile import ReferenceProfile

SAMPLING = "sampling error"


@dataclass(frozen=True)
class EstimatedMetric:
    """An estimate beside the reference's value; without a value the answers allowed none."""

    method: str
    rows: int
    reference: float | None
    n_reference: int
    value: float | None = None
    error: float | None = None
    reference_error: float | None = None


def estimated_checks(
    estimated: EstimatedPerformance,
    observed: Sequence[Check],
    metrics: Sequence[MonitoredMetric],
    reference: ReferenceProfile,
    min_rows: int,
) -> list[Check]:
    """A check of each metric that the reference's estimator gives, beside the observed ones."""
    labelled = {check.check: check for check in observed}
    return [
        estimated_check(
            metric,
            _estimated_metric(metric.key, estimated, reference),
            min_rows,
            labelled.get(metric.key),
        )
        for metric in metrics
        if metric.key in estimated.gaps and metric.key in reference.metrics
    ]


def estimated_status(checks: Iterable[Check]) -> list[str]:
    """Whether an estimate warns whose metric labels have not decided: one status, or none."""
    everything = list(checks)
    decided = {check.check for check in everything if _is_decided(check)}
    warned = [
        check.status
        for check in everything
        if check.signal == ESTIMATED_PERFORMANCE
        and check.status == WARN
        and check.check not in decided
    ]
    return warned[:1]


def _is_decided(check: Check) -> bool:
    return check.signal == PERFORMANCE and check.status not in NOT_EVALUATED


def _estimated_metric(
    key: str, estimated: EstimatedPerformance, reference: ReferenceProfile
) -> EstimatedMetric:
    """An estimate and its errors; that of the reference includes how far the estimator was off."""
    estimate = estimated.metrics.get(key)
    metric = EstimatedMetric(
        estimated.method, estimated.rows, reference.metrics[key], reference.rows
    )
    if estimate is None:
        return metric
    of_reference = reference.errors.get(key)
    if of_reference is None:
        share = metric.rows / metric.n_reference if metric.n_reference else 0.0
        of_reference = estimate.error * share**0.5
    error = float(np.hypot(of_reference, estimated.gaps[key]))
    return replace(metric, value=estimate.value, error=estimate.error, reference_error=error)


def estimated_check(
    metric: MonitoredMetric, estimate: EstimatedMetric, min_rows: int, observed: Check | None
) -> Check:
    """The check of an estimate, judged by its error and the reference's, and by labels."""
    check = _check(metric, estimate, min_rows)
    if estimate.error is not None:
        error = StandardError(estimate.error, SAMPLING)
        check = beyond_chance(check, error, "", estimate.reference_error)
        check = replace(check, message=check.message.replace("too few labels", "too few rows"))
    return _overruled(_softened(check), observed)


def _check(metric: MonitoredMetric, estimate: EstimatedMetric, min_rows: int) -> Check:
    limits = metric.limits(estimate.reference)
    status, message = INSUFFICIENT, ""
    if estimate.rows < max(min_rows, 1):
        message = f"{estimate.rows:,} rows; {min_rows:,} are needed"
    elif estimate.value is None:
        message = "the answers do not allow an estimate"
    elif limits is not None:
        status = limits.judge(estimate.value)

    return Check(
        ESTIMATED_PERFORMANCE,
        metric.key,
        "",
        estimate.method,
        status,
        metric.direction,
        score=estimate.value,
        warn=limits.warn if limits else None,
        threshold=limits.fail if limits else None,
        reference=estimate.reference,
        n_reference=estimate.n_reference,
        n_current=estimate.rows,
        primary=metric.primary,
        message=message,
    )


def _softened(check: Check) -> Check:
    """An estimate warns, it never fails."""
    return replace(check, status=WARN) if check.status == FAIL else check


def _overruled(check: Check, observed: Check | None) -> Check:
    if check.status != WARN or observed is None or observed.status != OK:
        return check
    return replace(check, status=OK, message="the labels show that the metric is within its limits")
