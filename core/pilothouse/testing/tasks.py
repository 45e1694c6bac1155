"""Contract of tasks: what every plugin of `pilothouse.models.tasks` must do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import (
    ComparesGroups,
    ExpectsClasses,
    ExpectsLosses,
    Row,
    Task,
    metric_of,
)

ESTIMATORS = ("classifier", "regressor", "quantiles", "")


def check_task(name: str, task: Task) -> None:
    """Raise AssertionError, with what is wrong, unless the task keeps every promise."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), f"{name!r} is not a name for a plugin"
    assert task.title.strip() == task.title != "", f"{name} needs a title"
    assert task.description.endswith("."), f"{name} needs a description: a sentence"
    assert task.example.signature.task == name, f"the example of {name} has another task"
    check_task_on(task, task.example.signature, task.example.rows, task.example.labels)


def check_task_on(
    task: Task, signature: Signature, rows: Sequence[Row], labels: Sequence[Any]
) -> None:
    """Assert the contract on one signature with raw rows and a label for each."""
    _check_declarations(task)
    task.check(signature)
    decided = task.decide(signature, rows)
    logged = task.columns(signature)

    # Columns: each logged one is decided, by a name of its own, with one value a row.
    assert logged
    assert len({column.name for column in logged}) == len(logged)
    assert {column.name for column in logged} <= set(decided)
    assert all(len(values) == len(rows) for values in decided.values())
    for column in logged:
        if column.kind == "number":
            assert all(isinstance(value, int | float) for value in decided[column.name])
    assert len(task.predictions(signature, decided)) == len(rows)

    # Sent columns: from what is sent for a row, the same row is decided again.
    sent = [column.name for column in task.sent_columns(signature)]
    again = task.decide(signature, task.raw_rows(signature, {name: decided[name] for name in sent}))
    assert {c.name: again[c.name] for c in logged} == {c.name: decided[c.name] for c in logged}

    # Labels: what is read is read again as itself, and nonsense is none.
    read = [task.read_label(signature, label) for label in labels]
    assert None not in read
    assert [task.read_label(signature, label) for label in read] == read
    assert task.read_label(signature, object()) is None
    assert task.label_hint(signature)

    _check_metrics(task, signature, decided, labels)


def _check_declarations(task: Task) -> None:
    assert task.estimator in ESTIMATORS
    keys = [metric.key for metric in task.metrics]
    assert len(set(keys)) == len(keys)
    goal = task.goal(task.example.signature)
    if goal is not None:
        assert metric_of(task, goal.metric) is not None


def _check_metrics(
    task: Task, signature: Signature, decided: dict[str, list[Any]], labels: Sequence[Any]
) -> None:
    """Metrics are declared and finite, documents draw, the cost has a value a row."""
    columns = {name: np.array(values) for name, values in decided.items()}
    truth = task.truth(signature, labels)
    assert len(truth) == len(labels)

    metrics = task.compute_metrics(signature, columns, truth)
    declared = {metric.key for metric in task.metrics}
    assert set(metrics) <= declared
    assert all(np.isfinite(value) for value in metrics.values())
    if declared:
        assert task.metrics[0].key in metrics
        assert np.isfinite(task.row_cost(signature, columns, truth)).all()

    # Measures: with each row once, the value of a metric is the metric.
    for key, measure in task.measures(signature, columns, truth).items():
        if key in metrics:
            assert np.isclose(measure().value(), metrics[key], rtol=1e-9, atol=1e-12), key

    _check_expectations(task, signature, columns, truth, metrics)
    assert len(task.row_cost(signature, columns, truth)) == len(labels)
    assert all(path.endswith(".json") for path in task.documents(signature, columns, truth))

    # Rates of groups: one value a row, that of a rate that is a metric too has its mean.
    if isinstance(task, ComparesGroups):
        rates = task.row_rates(signature, columns, truth)
        assert {rate.key for rate in task.group_rates} == set(rates)
        for key, values in rates.items():
            assert values.shape == (len(truth),)
            if key in metrics:
                assert np.isclose(np.nanmean(values), metrics[key])

    # No rows: nothing is measured, nothing fails.
    none = {name: values[:0] for name, values in columns.items()}
    assert task.compute_metrics(signature, none, truth[:0]) == {}
    assert task.documents(signature, none, truth[:0]) == {}
    assert task.summary(signature, truth[:0]) == {}


def _check_expectations(
    task: Task, signature: Signature, columns: Any, truth: Any, metrics: dict[str, float]
) -> None:
    """What is estimated of certain labels, or of the losses themselves, are the metrics."""
    estimates: dict[str, float] = {}
    if isinstance(task, ExpectsClasses) and task.class_scores(signature, columns) is not None:
        certain = np.eye(max(len(signature.classes), 2))[truth.astype(np.int64)]
        made = task.expected_metrics(signature, columns, certain)
        estimates = {key: estimate.value for key, estimate in made.items()}
    if isinstance(task, ExpectsLosses):
        losses = task.row_losses(signature, columns, truth)
        estimates |= task.loss_metrics(signature, losses.mean(axis=0))
    for key, value in estimates.items():
        if key in metrics:
            assert np.isclose(value, metrics[key], rtol=1e-9, atol=1e-12), key
