"""What every gate promises: a pure answer in words, whatever the evidence lacks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pilothouse.kit.parameters import Params, read_params
from pilothouse.models.tasks import tasks
from pilothouse.registry.evidence import (
    ChampionComparison,
    ContractFact,
    Evidence,
    Side,
    TaskFacts,
)
from pilothouse.registry.gates import Gate, Verdict
from pilothouse.testing.parameters import check_described, check_unit, edges

FIGURES = {"roc_auc": 0.71, "average_precision": 0.4, "log_loss": 0.5, "brier": 0.17}
COLUMNS = ("distance", "carrier")


def examples() -> Iterator[Evidence]:
    """Evidence rich and poor: with and without a champion, a contract, figures, a comparison; and
    of every kind of model, with and without its metrics."""
    better, worse = dict(FIGURES), {name: value - 0.05 for name, value in FIGURES.items()}
    contracts = [None, ContractFact("flights@1", COLUMNS), ContractFact("flights@1", (), COLUMNS)]
    for figures in (better, worse, {}):
        candidate = Side("late@2", "a" * 64, figures, "run2", "flights@1", "rows")
        for champion in (None, Side("late@1", "b" * 64, better), Side("late@1", "b" * 64, {})):
            for contract in contracts:
                yield Evidence(
                    "late", 2, "production", candidate, champion, contract, None, COLUMNS
                )
    rows = ChampionComparison("late@1", worse, better, "the newest window")
    yield Evidence("late", 2, "staging", candidate, Side("late@1", "b" * 64, {}), comparison=rows)
    difference: dict[str, Any] = {"metric": "roc_auc", "delta": 0.01, "low": -0.08, "high": 0.1}
    difference |= {"method": "paired bootstrap", "n": 15, "unit": "days", "note": ""}
    yield Evidence(
        "late", 2, "production", candidate, Side("late@1", "b" * 64, better),
        comparison=replace(rows, interval=difference),
    )  # fmt: skip
    for _, task in tasks.items():
        facts = TaskFacts(task.title, task.metrics, task.goal(task.example.signature), "min")
        for values in ({metric.key: 0.4 for metric in task.metrics}, {}):
            own, other = (Side(f"late@{number}", "a" * 64, values) for number in (2, 1))
            yield Evidence("late", 2, "production", own, other, inputs=COLUMNS, task=facts)
            apart = "they are of different kinds"
            yield Evidence("late", 2, "production", own, other, task=facts, incomparable=apart)


def check_gate(name: str, gate: Gate) -> None:
    """Raise AssertionError, with what is wrong, unless the gate keeps every promise."""
    check_described(name, gate)
    check_unit(name, gate)
    for parameter in gate.parameters:
        assert not parameter.required, f"the parameter {parameter.name} of {name} needs a default"

    defaults = read_params(name, gate.parameters, {})
    outcomes = set()
    for evidence in examples():
        before = evidence.to_json()
        verdict = gate.evaluate(evidence, defaults)
        _check_verdict(name, verdict)
        again = gate.evaluate(evidence, defaults)
        assert again == verdict, f"{name} gives two verdicts on the same evidence"
        assert evidence.to_json() == before, f"{name} changes the evidence"
        outcomes.add(verdict.outcome)
    assert outcomes != {"passed"}, f"{name} lets everything pass: it is no gate"

    for parameter in gate.parameters:
        for edge in edges(parameter):
            verdict = gate.evaluate(evidence, Params({**defaults, parameter.name: edge}))
            _check_verdict(name, verdict)


def _check_verdict(name: str, verdict: Verdict) -> None:
    assert isinstance(verdict, Verdict), f"{name} must answer with a Verdict"
    assert verdict.gate == name, f"{name} signs as {verdict.gate!r}"
    assert verdict.outcome in ("passed", "failed", "inconclusive"), f"{name}: {verdict.outcome!r}"
    assert verdict.message.strip(), f"{name} gives no message"
    assert "\n" not in verdict.message, f"{name} must say it in one line"
    for figure in (verdict.figure, verdict.limit):
        assert figure is None or math.isfinite(figure), f"{name}: {figure} is no figure"
    stored = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert Verdict.from_json(stored) == verdict, f"{name}: its verdict cannot be kept"
