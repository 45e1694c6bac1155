"""Performance: a task's metrics of the answers on rows whose label is known.

Which metrics there are, which way they are better and how much worse they may be is the task's.
Pure functions on arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pilothouse.comparison.statistics.standard_errors import (
    StandardError,
    TooFewRows,
    standard_error,
)
from pilothouse.models.signature import Signature
from pilothouse.models.tasks import Task, task_of
from pilothouse.monitoring.checks import (
    FAIL,
    INSUFFICIENT,
    LABEL_COVERAGE,
    OK,
    PERFORMANCE,
    WARN,
    Check,
    CheckLimits,
    Direction,
    worst,
)
from pilothouse.monitoring.distances import Floats
from pilothouse.monitoring.metric_chance import beyond_chance

if TYPE_CHECKING:
    from pilothouse.models.metrics.weighted_metrics import Measures

Outputs = Mapping[str, npt.NDArray[Any]]
REALISED = "realised"
PRIMARY_WARNS, OTHERS_WARN = 0.1, 0.5  # the share of its tolerance from which a metric warns


@dataclass(frozen=True)
class MonitoredMetric:
    """A metric that windows are held to: its title, its bad side, and how far it may go there.

    `tolerance` is a share of the reference's value when `relative`, else a difference. `primary`
    marks the one that decides, `estimated` one that is estimated while there are no labels.
    """

    key: str
    title: str
    direction: Direction
    tolerance: float
    relative: bool
    format: str
    unit: str
    primary: bool
    estimated: bool = False

    def limits(self, base: float | None) -> CheckLimits | None:
        """Where it warns and where it fails; None when there is nothing to measure by.

        The metric that decides warns early, as chance is excluded; others follow the labels' mix.

        A share of 0 is no tolerance: with a reference of 0 a relative metric has no limits.
        """
        if base is None:
            return None
        tolerated = self.tolerance * abs(base) if self.relative else self.tolerance
        if self.relative and not tolerated:
            return None
        step = -tolerated if self.direction == "below" else tolerated
        warns = PRIMARY_WARNS if self.primary else OTHERS_WARN
        return CheckLimits(base + warns * step, base + step, self.direction)


def monitored_metrics(
    signature: Signature, tolerances: Mapping[str, float]
) -> tuple[MonitoredMetric, ...]:
    """The task's metrics that have a tolerance and a better direction; the first one decides.

    `tolerances` are a monitor's own, by the metric's key; they also add a metric that the task
    itself does not monitor.
    """
    chosen = [
        (metric, tolerances.get(metric.key, metric.tolerance))
        for metric in task_of(signature).metrics
        if metric.direction != "unknown"
    ]
    monitored = [(metric, allowed) for metric, allowed in chosen if allowed is not None]
    return tuple(
        MonitoredMetric(
            metric.key,
            metric.title,
            "below" if metric.direction == "higher" else "above",
            float(allowed),
            metric.relative,
            metric.format,
            signature.unit if metric.in_target_unit else "",
            primary=index == 0,
            estimated=metric.estimated,
        )
        for index, (metric, allowed) in enumerate(monitored)
    )


@dataclass(frozen=True)
class Performance:
    """The performance on a window. `metrics` is empty when its labels or answers allow none.

    `summary` is what the labels are like, by title; `documents` are the task's, by path. `fault`
    says why answers could not be compared with labels at all, `no_metrics` why labels allow none.
    `errors` are standard errors of metrics, `without_error` says why rows are too few for one.
    """

    rows: int
    labelled: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    no_metrics: str = ""
    errors: Mapping[str, StandardError] = field(default_factory=dict)
    without_error: Mapping[str, str] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """The share of rows whose label is known."""
        return self.labelled / self.rows if self.rows else 0.0


def compute_performance(
    signature: Signature,
    outputs: Outputs,
    truth: Floats,
    at: npt.NDArray[np.int64] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> Performance:
    """Compare answers with labels.

    `truth` is as the task makes it, NaN where a label is not known; `at` are event times in ms.
    The metrics that are monitored with these `tolerances` of a monitor have standard errors.
    """
    task = task_of(signature)
    rows = len(truth)
    labelled = is_labelled(truth)
    if fault := output_fault(task, signature, outputs):
        return Performance(rows, int(labelled.sum()), fault=fault)

    usable = labelled & answered_rows(task, signature, outputs, rows)
    y = truth[usable]
    chosen = {name: values[usable] for name, values in outputs.items()}
    metrics, documents, fault = _measure(
        task, signature, chosen, y, None if at is None else at[usable]
    )
    summary = _finite(task.summary(signature, y))
    reason = "the labels are all of one class" if task.has_classes else "the labels allow no metric"
    no_metrics = "" if metrics else reason
    keys = [metric.key for metric in monitored_metrics(signature, tolerances or {})]
    measures = task.measures(signature, chosen, y) if metrics else {}
    errors, without_error = _errors(measures, [key for key in keys if key in metrics])
    return Performance(
        rows, len(y), metrics, summary, documents, fault, no_metrics, errors, without_error
    )


def _errors(
    measures: Measures, keys: Sequence[str]
) -> tuple[dict[str, StandardError], dict[str, str]]:
    """The standard error of each metric that has one, and why there are too few rows for it."""
    errors: dict[str, StandardError] = {}
    without: dict[str, str] = {}
    for key in keys:
        if key not in measures:
            continue
        try:
            error = standard_error(measures[key]())
        except TooFewRows as why:
            without[key] = str(why)
            continue
        if error is not None and np.isfinite(error.error):
            errors[key] = error
    return errors, without


def _measure(
    task: Task,
    signature: Signature,
    outputs: Outputs,
    truth: Floats,
    at: npt.NDArray[np.int64] | None,
) -> tuple[dict[str, float], dict[str, Any], str]:
    times = None if at is None or not len(at) else at.tolist()
    try:
        metrics = _finite(task.compute_metrics(signature, outputs, truth))
        documents = task.documents(signature, outputs, truth, times)
    except KeyError as missing:
        # Of very many classes or labels, the number of each is answered but not logged.
        return {}, {}, f"the log has no output {missing.args[0]!r} to compare with labels"
    return metrics, documents, ""


def is_labelled(truth: Floats) -> npt.NDArray[np.bool_]:
    """Whether each row has a label; of several labels a row, all of them."""
    finite: npt.NDArray[np.bool_] = np.isfinite(truth)
    return finite if truth.ndim == 1 else np.asarray(finite.all(axis=1), dtype=np.bool_)


def is_present(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Whether each value of an output is there: a finite number, or anything of a category."""
    if values.dtype.kind == "f":
        return np.asarray(np.isfinite(values), dtype=np.bool_)
    if values.dtype.kind != "O":
        return np.ones(len(values), dtype=np.bool_)
    import pandas as pd

    return np.asarray(pd.notna(values), dtype=np.bool_)


def output_fault(task: Task, signature: Signature, outputs: Outputs) -> str:
    """Why outputs cannot be measured at all: one is absent, or no number; empty when they can."""
    for column in task.columns(signature):
        if column.name not in outputs:
            return f"the rows have no output {column.name!r}"
        if column.kind == "number" and outputs[column.name].dtype.kind not in "fiu":
            return f"the output {column.name!r} holds values that are not numbers"
    return ""


def answered_rows(
    task: Task, signature: Signature, outputs: Outputs, rows: int
) -> npt.NDArray[np.bool_]:
    """Whether each row has every output."""
    answered = np.ones(rows, dtype=np.bool_)
    for column in task.columns(signature):
        answered &= is_present(outputs[column.name])
    return answered


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """What can be stored: an infinite metric (one of an empty range) counts as none."""
    return {key: float(value) for key, value in metrics.items() if np.isfinite(value)}


@dataclass(frozen=True)
class MinimumRows:
    """How many labels performance needs, and which share of the rows they must be."""

    labelled: int
    coverage: float


def performance_checks(
    performance: Performance,
    reference: Mapping[str, float],
    metrics: tuple[MonitoredMetric, ...],
    needs: MinimumRows,
    n_reference: int = 0,
    waiting: str = "",
    reference_errors: Mapping[str, float] | None = None,
) -> list[Check]:
    """Label coverage, then every monitored metric against the reference's value.

    No checks when there is nothing to measure. `waiting` says why the reference has no metrics.
    `reference_errors` are the standard errors of the reference's metrics.
    """
    if not metrics:
        return []
    lack = missing_labels(performance, needs)
    coverage = Check(
        PERFORMANCE,
        LABEL_COVERAGE,
        "",
        "labelled rows over rows",
        INSUFFICIENT if performance.coverage < needs.coverage else OK,
        "below",
        score=performance.coverage,
        threshold=needs.coverage,
        n_current=performance.rows,
        message=lack,
    )
    without_base = waiting or "the reference has no such figure to compare with"
    return [coverage] + [
        beyond_chance(
            _metric_check(metric, performance, reference, lack, without_base, n_reference),
            performance.errors.get(metric.key),
            performance.without_error.get(metric.key, ""),
            (reference_errors or {}).get(metric.key),
        )
        for metric in metrics
    ]


def missing_labels(performance: Performance, needs: MinimumRows) -> str:
    """What a window lacks for its performance to be judged; empty when nothing."""
    if performance.fault:
        return performance.fault
    if performance.labelled < needs.labelled:
        return f"{performance.labelled:,} labels; {needs.labelled:,} are needed"
    if performance.coverage < needs.coverage:
        return (
            f"{performance.coverage:.0%} of the rows have a label; {needs.coverage:.0%} are needed"
        )
    return performance.no_metrics


def _metric_check(
    metric: MonitoredMetric,
    performance: Performance,
    reference: Mapping[str, float],
    lack: str,
    without_base: str,
    n_reference: int,
) -> Check:
    """A metric's check; with no figure of the reference to hold it against it is not judged."""
    base, score = reference.get(metric.key), performance.metrics.get(metric.key)
    limits = metric.limits(base)
    status, message = INSUFFICIENT, lack or without_base
    if not lack and base is not None and limits is None:
        message = "the reference's value is 0, and a share of it is no limit"
    if not lack and score is None:
        message = "the labelled rows do not allow this metric"
    if not lack and score is not None and limits is not None:
        status, message = limits.judge(score), ""

    return Check(
        PERFORMANCE,
        metric.key,
        "",
        REALISED,
        status,
        metric.direction,
        score=score,
        warn=limits.warn if limits else None,
        threshold=limits.fail if limits else None,
        reference=base,
        n_reference=n_reference,
        n_current=performance.labelled,
        primary=metric.primary,
        message=message,
    )


def performance_status(checks: list[Check]) -> str:
    """The primary metric's status; the others, which also follow the labels' mix, only warn.

    Where only the others could not be judged, they do not hide it.
    """
    metrics = [check for check in checks if check.check != LABEL_COVERAGE]
    softened = (
        WARN if check.status == FAIL and not check.primary else check.status
        for check in metrics
        if check.primary or check.status != INSUFFICIENT
    )
    return worst(softened)
