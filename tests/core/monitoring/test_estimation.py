"""Performance without labels: intervals under a known shift, what is stored, and what is judged."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingRegressor

from pilothouse.models.signature import Signature, SignatureField
from pilothouse.models.tasks import task_of
from pilothouse.monitoring import baselines, reference_profile
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.checks import ESTIMATED_PERFORMANCE, PERFORMANCE
from pilothouse.monitoring.estimation import loss_trees
from pilothouse.monitoring.estimation.calibration import calibrate
from pilothouse.monitoring.estimation.loss_trees import fit_trees, trees_from_json
from pilothouse.monitoring.estimation.performance_estimator import (
    PerformanceEstimator,
    estimate_performance,
    estimator_from_json,
    estimator_to_json,
    fit_estimator,
)
from pilothouse.monitoring.performance import compute_performance
from pilothouse.monitoring.reference_profile import from_bytes, to_bytes
from pilothouse.monitoring.stored_references import Answered
from pilothouse.monitoring.window_rows import WindowRows

TWO = Signature((SignatureField("x", "number"),), "y", (0, 1), 1)
THREE = Signature((SignatureField("x", "number"),), "y", ("a", "b", "c"), task="multiclass")
NUMBER = Signature(
    (SignatureField("x", "number"), SignatureField("z", "number"), SignatureField("c", "string")),
    "y",
    task="regression",
    gives="value",
)
WINDOWS = 200


def two(rows: int, rng: np.random.Generator, shift: float = 0.0) -> WindowRows:
    """A score that is too sure of itself; the label follows x as ever, whatever the shift."""
    x = rng.normal(shift, 1, rows)
    y = (rng.random(rows) < expit(x - 1)).astype(np.float64)
    return WindowRows(pd.DataFrame({"x": x}), {"score": expit(2 * (x - 1))}, y)


def three(rows: int, rng: np.random.Generator, shift: float = 0.0) -> WindowRows:
    x = rng.normal(shift, 1, rows)
    odds = np.exp(np.column_stack([np.zeros(rows), x, -x]))
    chances = odds / odds.sum(axis=1, keepdims=True)
    y = (rng.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.float64)
    outputs: dict[str, Any] = {f"p.{name}": chances[:, k] for k, name in enumerate("abc")}
    outputs["predict"] = np.array(list("abc"), dtype=object)[chances.argmax(axis=1)]
    outputs["confidence"] = chances.max(axis=1)
    return WindowRows(pd.DataFrame({"x": x}), outputs, y)


def number(rows: int, rng: np.random.Generator, shift: float = 0.0) -> WindowRows:
    """Errors grow with x, and are twice as large in one of three categories."""
    x, z = rng.normal(shift, 1, rows), rng.normal(0, 1, rows)
    c = rng.choice(list("abc"), rows)
    deviation = np.exp(x / 2) * np.where(c == "a", 2, 1)
    y = x + z + rng.normal(0, 1, rows) * deviation
    return WindowRows(pd.DataFrame({"x": x, "z": z, "c": c}), {"predict": x + z}, y)


CASES: list[Any] = [(TWO, two), (THREE, three), (NUMBER, number)]


def fitted(signature: Signature, rows: WindowRows) -> PerformanceEstimator:
    metrics = compute_performance(signature, rows.outputs, rows.truth).metrics
    estimator = fit_estimator(signature, rows, metrics)
    assert estimator is not None
    return estimator


@pytest.mark.parametrize(("signature", "make"), CASES)
def test_the_observed_metric_lies_in_the_interval_whatever_the_shift(
    signature: Signature, make: Any
) -> None:
    """Of 200 windows in which only inputs have shifted; the interval is of 95 %."""
    rng = np.random.default_rng(3)
    reference = make(10_000, rng)
    estimator = fitted(signature, reference)
    performance = compute_performance(signature, reference.outputs, reference.truth)
    measure = task_of(signature).compute_metrics
    inside: dict[str, list[bool]] = defaultdict(list)
    without_shift: dict[str, list[bool]] = defaultdict(list)
    for window in range(WINDOWS):
        rows = make(1_500, rng, shift=0.25 * (window % 5))
        observed = measure(signature, rows.outputs, rows.truth)
        estimated = estimate_performance(estimator, signature, rows)
        for key, estimate in estimated.metrics.items():
            if key not in performance.errors or key not in observed:
                continue
            reach = 1.96 * np.hypot(estimate.error, performance.errors[key].error)
            inside[key].append(abs(observed[key] - estimate.value) < reach)
            unchanged = abs(observed[key] - performance.metrics[key])
            without_shift[key].append(unchanged < reach)
    assert len(inside) >= 2
    for key, windows in inside.items():
        assert np.mean(windows) >= 0.93, key
    # The shift matters: that nothing has changed would be believed in far fewer windows.
    assert min(np.mean(windows) for windows in without_shift.values()) < 0.6


@pytest.mark.parametrize(("signature", "make"), CASES)
def test_an_estimator_is_stored_as_plain_values(signature: Signature, make: Any) -> None:
    rng = np.random.default_rng(4)
    estimator = fitted(signature, make(2_000, rng))
    again = estimator_from_json(json.loads(json.dumps(estimator_to_json(estimator))))
    rows = make(500, rng)
    before = estimate_performance(estimator, signature, rows)
    assert estimate_performance(again, signature, rows) == before
    assert before.rows == 500
    assert set(before.gaps) >= {"mae", "rmse"} or len(before.gaps) >= 4


def test_trees_predict_what_scikit_learns_do() -> None:
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(3_000, 4))
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    target = np.nan_to_num(inputs[:, 0]) ** 2 + np.isnan(inputs[:, 1]) + rng.normal(size=3_000)
    trees = fit_trees(inputs, target)
    model = HistGradientBoostingRegressor(
        max_iter=loss_trees.TREES,
        max_depth=loss_trees.DEPTH,
        max_leaf_nodes=2**loss_trees.DEPTH,
        min_samples_leaf=loss_trees.MIN_LEAF,
        learning_rate=loss_trees.LEARNING_RATE,
        early_stopping=False,
    ).fit(inputs, target)
    fresh = rng.normal(size=(500, 4))
    fresh[rng.random(fresh.shape) < 0.1] = np.nan
    assert trees.predict(fresh) == pytest.approx(model.predict(fresh), abs=1e-9)
    assert (trees_from_json(trees.to_json()).predict(fresh) == trees.predict(fresh)).all()


def test_a_calibrated_score_is_left_as_it_is_and_another_is_calibrated() -> None:
    rng = np.random.default_rng(6)
    chance = rng.random(50_000).round(1)
    y = rng.random(50_000) < chance
    observed = np.array([y[chance == value].mean() for value in np.unique(chance)])
    exact = observed[np.searchsorted(np.unique(chance), chance)]
    assert len(calibrate(exact, y)[0].scores) == 0
    calibrator, held_out = calibrate(chance**2, y)
    assert calibrator.probabilities(np.array([0.25])) == pytest.approx(0.5, abs=0.02)
    assert held_out == pytest.approx(exact, abs=0.05)
    margins, _ = calibrate(10 * chance - 5, y)
    assert margins.probabilities(np.array([-9.0, 0.0, 9.0])) == pytest.approx([0, 0.5, 1], abs=0.02)


def test_no_labels_or_one_class_give_no_estimator() -> None:
    rows = two(1_000, np.random.default_rng(7))
    blank = replace(rows, truth=np.full(1_000, np.nan))
    assert fit_estimator(TWO, blank, {}) is None
    assert fit_estimator(TWO, replace(rows, truth=np.ones(1_000)), {}) is None
    assert estimate_performance(None, TWO, rows).metrics == {}


def results(desk: Any, window: str, signal: str) -> pd.DataFrame:
    frame = desk.monitoring.results(window)
    return frame[frame["signal"] == signal].set_index("check")


def timid(desk: Any, rows: int, seed: int) -> pd.DataFrame:
    """Rows whose chances lie close together, so that no score orders them well."""
    frame = desk.draw(rows, seed=seed)
    rng = np.random.default_rng(seed)
    chance = rng.beta(20, 40, rows)
    return frame.assign(score=chance, late=(rng.random(rows) < chance).astype(int))


def test_a_window_without_labels_is_judged_by_its_estimate(desk: Any) -> None:
    desk.log(desk.draw(3_000, seed=70).drop(columns="late"), desk.week(0))
    usual = results(desk, desk.evaluate(desk.week(0))["window"], ESTIMATED_PERFORMANCE)
    assert set(usual["status"]) == {"ok"}
    assert set(usual.index) == {"roc_auc", "log_loss", "brier", "accuracy"}
    assert set(usual["method"]) == {"CBPE"}
    assert (usual["n_current"] == 3_000).all()
    assert usual[["score", "threshold", "reference", "standard_error", "noise"]].notna().all().all()

    desk.log(timid(desk, 3_000, 71).drop(columns="late"), desk.week(1))
    answer = desk.evaluate(desk.week(1))
    estimated = results(desk, answer["window"], ESTIMATED_PERFORMANCE)
    observed = results(desk, answer["window"], PERFORMANCE)
    assert observed.loc["roc_auc", "status"] == "insufficient"
    assert estimated.loc["roc_auc", "score"] < estimated.loc["roc_auc", "threshold"]
    assert estimated.loc["roc_auc", "status"] == "warn"  # never more than that on its own
    assert answer["status"] == "warn"
    assert answer["retrain"] == []


def test_labels_confirm_an_estimate_or_overrule_it(desk: Any) -> None:
    frame = timid(desk, 3_000, 72)
    ids = desk.log(frame.drop(columns="late"), desk.week(0))
    first = desk.evaluate(desk.week(0))
    desk.label(ids, frame["late"].tolist(), desk.week(1))
    confirmed = desk.evaluate(desk.week(0))
    assert confirmed["revision"] == first["revision"] + 1
    estimated = results(desk, confirmed["window"], ESTIMATED_PERFORMANCE).loc["roc_auc"]
    observed = results(desk, confirmed["window"], PERFORMANCE).loc["roc_auc"]
    assert (estimated["status"], observed["status"]) == ("warn", "fail")
    assert abs(estimated["score"] - observed["score"]) < 1.96 * np.hypot(
        estimated["standard_error"], estimated["reference_error"]
    )

    frame = timid(desk, 3_000, 73)
    middle = frame["score"].median()
    chance = np.where(frame["score"] > middle, 0.6, 0.15)
    frame["late"] = (np.random.default_rng(8).random(3_000) < chance).astype(int)
    desk.log(frame, desk.week(1))
    window = desk.evaluate(desk.week(1))["window"]
    estimated = results(desk, window, ESTIMATED_PERFORMANCE).loc["roc_auc"]
    assert results(desk, window, PERFORMANCE).loc["roc_auc", "status"] == "ok"
    assert estimated["status"] == "ok"
    assert estimated["score"] < estimated["threshold"]
    assert estimated["message"].startswith("the labels show")


def test_a_rule_watches_an_estimate_until_labels_decide(desk: Any) -> None:
    rule = AlertRuleSpec(
        "estimate", ESTIMATED_PERFORMANCE, "primary", "worse_than_tolerated", 1.0,
        for_windows=1, clear_windows=1,
    )  # fmt: skip
    desk.monitoring.add_rule("late", rule)
    frame = timid(desk, 3_000, 73)
    ids = desk.log(frame.drop(columns="late"), desk.week(0))
    desk.evaluate(desk.week(0))
    fired = desk.monitoring.alerts("firing")
    assert fired["name"].tolist() == ["estimate"]
    assert fired["message"].item().startswith("estimated ROC AUC was")

    chance = np.where(frame["score"] > frame["score"].median(), 0.6, 0.15)
    late = (np.random.default_rng(8).random(3_000) < chance).astype(int)
    desk.label(ids, late.tolist(), desk.week(1))
    desk.evaluate(desk.week(0))
    assert desk.monitoring.alerts("firing").empty


def test_few_rows_are_not_estimated(desk: Any) -> None:
    desk.log(desk.draw(150, seed=74), desk.week(0))
    window = desk.evaluate(desk.week(0))["window"]
    estimated = results(desk, window, ESTIMATED_PERFORMANCE)
    assert set(estimated["status"]) == {"insufficient"}
    assert estimated["message"].str.contains("200 are needed").all()


def test_a_trend_is_of_observed_metrics_unless_estimates_are_asked_for(desk: Any) -> None:
    desk.log(desk.draw(1_000, seed=75), desk.week(0))
    desk.evaluate(desk.week(0))
    trend = desk.monitoring.trend
    assert trend("late", "roc_auc")["signal"].tolist() == [PERFORMANCE]
    assert trend("late", "primary")["signal"].tolist() == [PERFORMANCE]
    for check in ("roc_auc", "primary"):
        estimated = trend("late", check, signal=ESTIMATED_PERFORMANCE)
        assert estimated["signal"].tolist() == [ESTIMATED_PERFORMANCE]
    metrics = desk.monitoring.metrics("late").set_index("metric")
    assert metrics["estimated"].to_dict() == {
        **dict.fromkeys(["roc_auc", "log_loss", "brier", "accuracy"], True),
        "calibration_error": False,
    }


def test_a_reference_from_before_is_profiled_anew(desk: Any, monkeypatch: Any) -> None:
    first = baselines.baseline(desk.store, "late", "late", 1, 2_000)
    monkeypatch.setattr(reference_profile, "ESTIMATOR", "of_later")
    digest = desk.store.artifacts.put_bytes(to_bytes(first.profile))
    monkeypatch.undo()
    assert not from_bytes(desk.store.artifacts.read(digest)).is_estimator_fitted
    with desk.store.write() as session:
        row = Answered("late", "late", 1).reference(session)
        assert row is not None
        row.digest = digest
        session.add(row)

    again = baselines.baseline(desk.store, "late", "late", 1, 2_000)
    assert again.digest == first.digest != digest
    assert again.profile.estimator is not None
