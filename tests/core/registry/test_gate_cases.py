"""Every built-in gate has evidence that passes, that fails, and that leaves it undecided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pilothouse.models.signature import Signature
from pilothouse.models.tasks import tasks
from pilothouse.registry.evidence import (
    AgeFact,
    ArtifactFact,
    CardFact,
    ChampionComparison,
    ContractFact,
    Evidence,
    MeasurementFact,
    Side,
    TaskFacts,
    TrialFact,
)
from pilothouse.registry.gates import Outcome, gates
from pilothouse.registry.policy import GateRule

OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "inconclusive")
CHURN = TaskFacts.of(tasks.get("binary").example.signature)
CHICAGO = TaskFacts.of(Signature((), "rides", task="regression", gives="value", unit="rides"))
AUC, CALIBRATION = "roc_auc", "calibration_error"


def evidence(
    own: Mapping[str, float] | None = None,
    champion: Mapping[str, float] | None = None,
    task: TaskFacts = CHURN,
    **facts: Any,
) -> Evidence:
    side = Side("m@2", "a" * 64, own or {}, dataset="rows@1", held_out="a")
    rival = None if champion is None else Side("m@1", "b" * 64, champion, held_out="a")
    return Evidence("m", 2, "production", side, rival, task=task, **facts)


def measured(gate: str, figures: Mapping[str, Any], task: TaskFacts = CHURN, **params: Any) -> Any:
    """Evidence with the measurement that a gate judges, and the rule's parameters."""
    rule = GateRule(gate, params)
    need = gates.get(gate).uses.need(rule.read())  # type: ignore[attr-defined]
    fact = MeasurementFact(need.kind, need.params, figures)
    return evidence(task=task, measurements=(fact,)), params


def compared(low: float, high: float, metric: str = AUC, **more: Any) -> Evidence:
    """Evidence with an interval of the difference to a champion."""
    interval = {"metric": metric, "delta": (low + high) / 2, "low": low, "high": high}
    interval |= {"n": 20, "unit": "days", "note": ""} | more
    values = {metric: 0.7}
    comparison = ChampionComparison("m@1", values, values, "20 days", interval)
    task = CHURN if metric == AUC else CHICAGO
    return evidence(values, values, task, comparison=comparison)


UNMEASURED: tuple[Evidence, dict[str, Any]] = (evidence(), {})
SLICE = {"column": "contract", "segment": "monthly", "count": 400, "slices": 9}
LEAKS = {"row_share": 0.0, "entity_share": 0.0, "late_share": 0.0, "proxies": []}
PROXY = {"column": "ended_on", "reason": "it is a copy of the target", "figure": 1.0}
PROCESS = {"p50_ms": 2.0, "p95_ms": 5.0, "memory_mb": 150.0, "requests": 200}


def slice_of(value: float, overall: float, task: TaskFacts, metric: str) -> Any:
    shortfall = overall - value if task is CHURN else value - overall
    figures = {"metric": metric, "value": value, "overall": overall, "shortfall": shortfall}
    return measured("worst_slice", SLICE | figures, task)


def groups(difference: float) -> Any:
    gap = {"title": "Equalised odds difference", "column": "gender", "difference": difference}
    gap |= {"low_group": "f", "low": 0.5, "high_group": "m", "high": 0.5 + difference}
    return measured("fairness", {"gaps": [gap], "too_small": 0}, columns="gender")


def simple(value: float, baseline: float) -> Any:
    models = [{"name": "dummy", "title": "baseline", "value": baseline}]
    figures = {"metric": "mae", "value": value, "baselines": models}
    return measured("baseline_beaten", figures, CHICAGO)


def changed(fall: float) -> Any:
    changes = [{"title": "rain shifted", "value": 0.8 - fall, "fall": fall}]
    return measured("robustness", {"metric": AUC, "value": 0.8, "changes": changes})


def again(value: float) -> Any:
    return measured("reproducible", {"metric": AUC, "recorded": 0.8, "again": value})


CASES: Mapping[str, Mapping[Outcome, Any]] = {
    "answers_example": {
        "passed": (evidence(trial=TrialFact("")), {}),
        "failed": (evidence(trial=TrialFact("no module named late")), {}),
        "inconclusive": (evidence(), {}),
    },
    "artifact_safety": {
        "passed": (evidence(artifact=ArtifactFact(9, "own code")), {}),
        "failed": (evidence(artifact=ArtifactFact(9, "own code")), {"own_code": False}),
        "inconclusive": (evidence(artifact=ArtifactFact(9)), {}),
    },
    "baseline_beaten": {
        "passed": simple(900.0, 1200.0),
        "failed": simple(1200.0, 1200.0),
        "inconclusive": UNMEASURED,
    },
    "beats_champion": {
        "passed": (evidence({AUC: 0.8}, {AUC: 0.7}), {}),
        "failed": (evidence({AUC: 0.6}, {AUC: 0.7}), {}),
        "inconclusive": (evidence({AUC: 0.6}, {}), {}),
    },
    "better_than_champion": {
        "passed": (compared(0.002, 0.04), {}),
        "failed": (compared(0.002, 0.04), {"candidates": 9}),
        "inconclusive": (evidence({AUC: 0.8}, {AUC: 0.7}), {}),
    },
    "calibration": {
        "passed": (evidence({CALIBRATION: 0.013}), {}),
        "failed": (evidence({CALIBRATION: 0.154}), {}),
        "inconclusive": (evidence({"mae": 900.0}, task=CHICAGO), {}),
    },
    "card_complete": {
        "passed": (evidence(card=CardFact(9, 9)), {}),
        "failed": (evidence(card=CardFact(8, 9, ("intended use",))), {}),
        "inconclusive": (evidence(), {}),
    },
    "cross_validation_spread": {
        "passed": (evidence({"cv_mae_mean": 900.0, "cv_mae_std": 90.0}, task=CHICAGO), {}),
        "failed": (evidence({f"cv_{AUC}_mean": 0.7, f"cv_{AUC}_std": 0.06}), {}),
        "inconclusive": (evidence({AUC: 0.7}), {}),
    },
    "fairness": {"passed": groups(0.03), "failed": groups(0.12), "inconclusive": UNMEASURED},
    "freshness": {
        "passed": (evidence(age=AgeFact(30, 3)), {}),
        "failed": (evidence(age=AgeFact(30, 91)), {}),
        "inconclusive": (evidence(age=AgeFact(None, 3)), {}),
    },
    "has_contract": {
        "passed": (evidence(inputs=("age",), contract=ContractFact("rows@1", ("age",))), {}),
        "failed": (evidence(inputs=("age",)), {}),
        "inconclusive": (replace(evidence(), candidate=Side("m@2", "a" * 64, {})), {}),
    },
    "latency": {
        "passed": measured("latency", PROCESS),
        "failed": measured("latency", PROCESS, p95=4.0),
        "inconclusive": UNMEASURED,
    },
    "memory": {
        "passed": measured("memory", PROCESS),
        "failed": measured("memory", PROCESS, limit=100.0),
        "inconclusive": UNMEASURED,
    },
    "metric_threshold": {
        "passed": (evidence({AUC: 0.7}), {}),
        "failed": (evidence({AUC: 0.55}), {}),
        "inconclusive": (evidence(), {}),
    },
    "model_size": {
        "passed": (evidence(artifact=ArtifactFact(2_000_000)), {}),
        "failed": (evidence(artifact=ArtifactFact(600_000_000)), {}),
        "inconclusive": (evidence(artifact=ArtifactFact()), {}),
    },
    "no_leakage": {
        "passed": measured("no_leakage", LEAKS),
        "failed": measured("no_leakage", LEAKS | {"proxies": [PROXY]}),
        "inconclusive": measured("no_leakage", LEAKS | {"late_share": None}, time_order=True),
    },
    "non_inferior": {
        "passed": (compared(-0.03, 0.04), {}),
        "failed": (compared(-100.0, 400.0, "mae"), {}),
        "inconclusive": (compared(-0.03, 0.04, too_few=True, note="there are 3 days"), {}),
    },
    "not_worse_beyond_chance": {
        "passed": (compared(-0.03, 0.04), {}),
        "failed": (compared(-0.08, 0.04), {}),
        "inconclusive": (replace(compared(-0.03, 0.04), incomparable="they differ"), {}),
    },
    "reproducible": {"passed": again(0.8), "failed": again(0.79), "inconclusive": UNMEASURED},
    "robustness": {"passed": changed(0.02), "failed": changed(0.11), "inconclusive": UNMEASURED},
    "watched_metrics": {
        "passed": (evidence({AUC: 0.7, "f1": 0.44}, {AUC: 0.7, "f1": 0.45}), {}),
        "failed": (evidence({AUC: 0.7, "f1": 0.29}, {AUC: 0.7, "f1": 0.45}), {}),
        "inconclusive": (
            replace(evidence({AUC: 0.7}), champion=Side("m@1", "b" * 64, {AUC: 0.7})),
            {},
        ),
    },
    "worst_slice": {
        "passed": slice_of(1200.0, 1000.0, CHICAGO, "mae"),
        "failed": slice_of(0.65, 0.8, CHURN, AUC),
        "inconclusive": UNMEASURED,
    },
}


def built_in() -> list[str]:
    return [name for name, gate in gates.items() if str(gate.__module__).startswith(gates.package)]


@pytest.mark.parametrize("gate", built_in())
def test_each_gate_has_a_case_of_every_outcome(gate: str) -> None:
    """A gate that is added needs its three cases here."""
    for outcome in OUTCOMES:
        facts, params = CASES[gate][outcome]
        verdict = GateRule(gate, params).evaluate(facts)
        assert verdict.outcome == outcome, f"{gate}: {verdict}"
        assert verdict.message
        if outcome == "failed" and verdict.limit is not None:
            assert verdict.figure is not None, f"{gate} fails without a figure"


def test_there_are_twenty_one_kinds_of_gates() -> None:
    assert len(built_in()) >= 21


def test_a_gate_without_its_measurement_says_how_to_get_it() -> None:
    verdict = GateRule("latency").evaluate(evidence())
    assert verdict.outcome == "inconclusive"
    assert verdict.message == "not measured yet: measure the version"


def test_a_measurement_that_could_not_be_made_says_why() -> None:
    need = gates.get("latency").uses.need({})  # type: ignore[attr-defined]
    fact = MeasurementFact(need.kind, need.params, {}, message="its process ended")
    verdict = GateRule("latency").evaluate(evidence(measurements=(fact,)))
    assert (verdict.outcome, verdict.message) == ("inconclusive", "its process ended")


def test_a_measurement_with_other_parameters_is_none() -> None:
    facts, _ = measured("worst_slice", SLICE, min_rows=100)
    assert GateRule("worst_slice", {"min_rows": 50}).evaluate(facts).outcome == "inconclusive"


def test_nothing_passes_on_different_rows() -> None:
    apart = replace(evidence({AUC: 0.9}), champion=Side("m@1", "b" * 64, {AUC: 0.5}, held_out="b"))
    for gate in ("non_inferior", "better_than_champion", "watched_metrics"):
        assert GateRule(gate).evaluate(apart).outcome == "inconclusive", gate


def test_every_worse_metric_is_named() -> None:
    own = {AUC: 0.72, "f1": 0.29, CALIBRATION: 0.154}
    champion = {AUC: 0.71, "f1": 0.45, CALIBRATION: 0.013}
    verdict = GateRule("watched_metrics").evaluate(evidence(own, champion))
    assert (verdict.figure, verdict.limit) == (2, 0)
    assert "F1 0.2900 against 0.4500" in verdict.message
    assert "Calibration error 0.1540 against 0.0130" in verdict.message


def test_the_interval_is_widened_for_the_candidates_that_were_compared() -> None:
    """By the quotient of the normal quantiles of 1 - .05/18 and .975: 2.7729 / 1.9600."""
    verdict = GateRule("better_than_champion", {"candidates": 9}).evaluate(compared(0.0, 0.04))
    assert verdict.figure == pytest.approx(0.02 - 0.02 * 2.77292 / 1.959964, abs=1e-6)
    counted = replace(compared(0.0, 0.04), candidates=9)
    assert GateRule("better_than_champion").evaluate(counted).figure == verdict.figure
