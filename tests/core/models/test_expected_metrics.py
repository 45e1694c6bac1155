"""Metrics of probable labels against the same metrics of rows that stand once for each label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, roc_auc_score

from pilothouse.models.signature import Signature
from pilothouse.models.tasks.binary import Binary
from pilothouse.models.tasks.multiclass import Multiclass

TWO = Signature((), "y", (0, 1), 1, threshold=0.4)
THREE = Signature((), "y", ("a", "b", "c"), task="multiclass")
REPEATS = 400


def two(rows: int, seed: int = 1) -> tuple[dict[str, Any], np.ndarray]:
    """Scores with ties, and a chance that is no function of the score."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1, 3, rows)
    score = np.clip(chance + rng.normal(0, 0.1, rows), 0.01, 0.99).round(2)
    return {"score": score}, np.column_stack([1 - chance, chance])


def three(rows: int, seed: int = 1) -> tuple[dict[str, Any], np.ndarray]:
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet([2.0, 1.0, 0.5], rows)
    scores = chances + rng.uniform(0.0, 0.3, chances.shape)
    scores /= scores.sum(axis=1, keepdims=True)
    columns: dict[str, Any] = {f"p.{name}": scores[:, k] for k, name in enumerate("abc")}
    columns["predict"] = np.array(list("abc"), dtype=object)[scores.argmax(axis=1)]
    return columns, chances


CASES: list[Any] = [(Binary, TWO, two), (Multiclass, THREE, three)]
Rows = Callable[..., tuple[dict[str, Any], np.ndarray]]


@pytest.mark.parametrize(("task", "signature", "make"), CASES)
def test_estimates_are_the_metrics_of_weighted_rows(
    task: Any, signature: Signature, make: Rows
) -> None:
    """Each row stands once for each class, with the class's chance as its weight."""
    columns, chances = make(500)
    classes = chances.shape[1]
    repeated = {name: np.repeat(values, classes) for name, values in columns.items()}
    truth = np.tile(np.arange(classes), len(chances)).astype(np.float64)
    measures = task.measures(signature, repeated, truth)
    estimates = task.expected_metrics(signature, columns, chances)
    assert {metric.key for metric in task.metrics} - {
        *("average_precision", "calibration_error")
    } <= set(estimates)
    for key, estimate in estimates.items():
        weighted = float(measures[key]().values(chances.ravel()[None])[0])
        assert estimate.value == pytest.approx(weighted, rel=1e-9), key


@pytest.mark.parametrize(("task", "signature", "make"), CASES)
def test_the_error_is_how_much_the_metric_of_as_many_labelled_rows_varies(
    task: Any, signature: Signature, make: Rows
) -> None:
    rng = np.random.default_rng(2)
    values: dict[str, list[float]] = {}
    for seed in range(REPEATS):
        columns, chances = make(400, seed)
        drawn = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1)
        metrics = task.compute_metrics(signature, columns, drawn.astype(np.float64))
        for key, value in metrics.items():
            values.setdefault(key, []).append(value)
    estimates = task.expected_metrics(signature, *make(400))
    for key, estimate in estimates.items():
        if key in values:
            assert estimate.error == pytest.approx(np.std(values[key]), rel=0.15), key


def test_certain_labels_give_scikit_learns_metrics() -> None:
    columns, chances = two(1_000)
    y = (np.random.default_rng(3).random(1_000) < chances[:, 1]).astype(int)
    certain = np.column_stack([1.0 - y, y])
    estimates = Binary.expected_metrics(TWO, columns, certain)
    score = columns["score"]
    assert estimates["roc_auc"].value == pytest.approx(roc_auc_score(y, score))
    assert estimates["f1"].value == pytest.approx(f1_score(y, score >= 0.4))
    assert estimates["log_loss"].value == pytest.approx(log_loss(y, score))


def test_an_area_needs_rows_of_both_classes() -> None:
    columns, _ = two(200)
    rare = np.full(200, 0.01)
    estimates = Binary.expected_metrics(TWO, columns, np.column_stack([1 - rare, rare]))
    assert "roc_auc" not in estimates
    assert estimates["accuracy"].value > 0.1


def test_a_model_without_a_score_has_nothing_to_calibrate() -> None:
    labels = Signature((), "y", (0, 1), 1, gives="label")
    assert Binary.class_scores(labels, {"predict": np.array([0, 1])}) is None
    assert Multiclass.class_scores(THREE, {"predict": np.array(["a"])}) is None
