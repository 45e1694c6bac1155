"""Estimated metrics as checks: held to the limits of the observed metric, they only warn.

An estimate assumes that labels follow inputs as they did in the reference. So labels overrule it:
where the observed metric of the same window is ok, its estimate does not warn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pilothouse.comparison.statistics.standard_errors import StandardError
from pilothouse.models.metrics.expected_metrics import Estimate
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
        _overruled(_check(metric, estimated, reference, min_rows), labelled.get(metric.key))
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


def _check(
    metric: MonitoredMetric,
    estimated: EstimatedPerformance,
    reference: ReferenceProfile,
    min_rows: int,
) -> Check:
    estimate = estimated.metrics.get(metric.key)
    base = reference.metrics[metric.key]
    limits = metric.limits(base)
    status, message = INSUFFICIENT, ""
    if estimated.rows < max(min_rows, 1):
        message = f"{estimated.rows:,} rows; {min_rows:,} are needed"
    elif estimate is None:
        message = "the answers do not allow an estimate"
    elif limits is not None:
        status = limits.judge(estimate.value)

    check = Check(
        ESTIMATED_PERFORMANCE,
        metric.key,
        "",
        estimated.method,
        status,
        metric.direction,
        score=None if estimate is None else estimate.value,
        warn=limits.warn if limits else None,
        threshold=limits.fail if limits else None,
        reference=base,
        n_reference=reference.rows,
        n_current=estimated.rows,
        primary=metric.primary,
        message=message,
    )
    if estimate is None:
        return check
    gap = estimated.gaps[metric.key]
    return _softened(_beyond_chance(check, estimate, reference.errors, gap))


def _beyond_chance(
    check: Check, estimate: Estimate, errors: Mapping[str, float], gap: float
) -> Check:
    """The check, judged by the error of the estimate and that of the reference.

    The latter includes how far the estimator was off on the reference itself.
    """
    of_reference = errors.get(check.check)
    if of_reference is None:
        share = check.n_current / check.n_reference if check.n_reference else 0.0
        of_reference = estimate.error * share**0.5
    error = StandardError(estimate.error, SAMPLING)
    judged = beyond_chance(check, error, "", float(np.hypot(of_reference, gap)))
    return replace(judged, message=judged.message.replace("too few labels", "too few rows"))


def _softened(check: Check) -> Check:
    """An estimate warns, it never fails."""
    return replace(check, status=WARN) if check.status == FAIL else check


def _overruled(check: Check, observed: Check | None) -> Check:
    if check.status != WARN or observed is None or observed.status != OK:
        return check
    return replace(check, status=OK, message="the labels show that the metric is within its limits")
