"""Which metrics come first: those of the task that the metrics themselves tell of."""

from __future__ import annotations

from collections.abc import Iterable

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
