"""Which metrics come first: those of the task that the metrics themselves tell of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.models.tasks import primary_metric, tasks


def leading_metrics(keys: Iterable[str]) -> tuple[str, ...]:
    """The metrics among these that a task has, those of the likeliest task first, in its order.

    The likeliest task is the one that has most of the keys; of several, the first by name.
    """
    present = set(keys)
    by_task = [
        [metric.key for metric in task.metrics if metric.key in present]
        for _, task in tasks.items()
    ]
    by_task.sort(key=len, reverse=True)
    return tuple(dict.fromkeys(key for metrics in by_task for key in metrics))


def primary_metrics() -> frozenset[str]:
    """The primary metric of every task."""
    return frozenset(primary_metric(task) for _, task in tasks.items()) - {""}


def primary_columns() -> tuple[str, ...]:
    """The columns of runs that hold the primary metric of every task."""
    return tuple(f"metrics.{key}" for key in sorted(primary_metrics()))


def headline_metrics(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The metric that decides of each run, as a text, from its `primary_columns`."""
    keys = sorted(primary_metrics())
    return [headline_metric({key: run.get(f"metrics.{key}") for key in keys}) for run in runs]


def headline_metric(values: Mapping[str, float | None]) -> str:
    """The one of these metrics that decides, with its title: "ROC AUC 0.7123"; empty without any.

    It is the first of the likeliest task's primary metrics.
    """
    measured = {key: v for key, v in values.items() if v is not None and not math.isnan(v)}
    primary = [key for key in leading_metrics(measured) if key in primary_metrics()]
    for key in primary[:1]:
        kind = metric_kind(key)
        return f"{kind.title} {kind.format_value(float(measured[key]))}"
    return ""
