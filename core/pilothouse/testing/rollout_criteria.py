"""What every criterion of a rollout promises: no verdict without data, none against an equal."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pilothouse.deployments.analysis.criteria import Criterion
from pilothouse.deployments.analysis.traffic_needed import RequestShares
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Params, read_params
from pilothouse.models.tasks import Task, tasks
from pilothouse.testing.parameters import check_described

REPEATS, LEVEL = 50, 0.05


def check_criterion(name: str, criterion: Criterion) -> None:
    """Raise AssertionError, with what is wrong, unless the criterion keeps every promise."""
    check_described(name, criterion)
    assert any(p.name == "limit" for p in criterion.parameters), f"{name} needs a `limit`"
    params = read_params(name, criterion.parameters, {})
    for kind, task in tasks.items():
        sample = _sample(task)
        _check_outcome(f"{name} for {kind}", criterion, sample, sample, params)
        empty = VariantSample(1, sample.signature, np.empty(0, dtype=np.int64), np.empty(0))
        result = criterion.compare(empty, empty, params, LEVEL)
        assert result.outcome == "inconclusive", f"{name} decides without data"
        assert not result.has_data, f"{name} must say that it has no data"
    needed = criterion.requests_needed(params, LEVEL, RequestShares())
    assert needed is None or needed > 0, f"{name} needs {needed} requests"


def _check_outcome(
    what: str,
    criterion: Criterion,
    stable: VariantSample,
    candidate: VariantSample,
    params: Params,
) -> None:
    """An equal version never fails, and the result can be stored and read."""
    result = criterion.compare(stable, candidate, params, LEVEL)
    assert result.outcome in ("passed", "inconclusive"), f"{what} fails an equal version"
    assert result.message, f"{what} says nothing"
    json.dumps(result.to_json(), allow_nan=False)


def _sample(task: Task) -> VariantSample:
    """The rows of the task's example, several times, as a version answered them."""
    example = task.example
    columns = task.decide(example.signature, list(example.rows) * REPEATS)
    outputs = {c.name: np.asarray(columns[c.name]) for c in task.columns(example.signature)}
    count = len(example.rows) * REPEATS
    labels = [task.read_label(example.signature, value) for value in example.labels] * REPEATS
    facts: dict[str, Any] = {"outputs": outputs, "mirrored": outputs, "rewards": np.ones(count)}
    truth = task.truth(example.signature, labels) if task.metrics else np.full(count, np.nan)
    return VariantSample(
        1, example.signature, np.full(count, 200), np.full(count, 1.0), truth=truth, **facts
    )
