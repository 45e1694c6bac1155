"""What every gate promises: a pure answer in words, whatever the evidence lacks."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator

from pilothouse.registry.evidence import ChampionComparison, ContractFact, Evidence, Side
from pilothouse.registry.gates import Gate, Verdict

FIGURES = {"roc_auc": 0.71, "average_precision": 0.4, "log_loss": 0.5, "brier": 0.17}
COLUMNS = ("distance", "carrier")


def examples() -> Iterator[Evidence]:
    """Evidence rich and poor: with and without a champion, a contract, figures, a comparison."""
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


def check_gate(name: str, gate: Gate) -> None:
    """Raise AssertionError, with what is wrong, unless the gate keeps every promise."""
    _check_parameters(name, gate)
    outcomes = set()
    for evidence in examples():
        before = evidence.to_json()
        verdict = gate(evidence)
        _check_verdict(name, verdict)
        assert gate(evidence) == verdict, f"{name} says two things of the same evidence"
        assert evidence.to_json() == before, f"{name} changes the evidence"
        outcomes.add(verdict.outcome)
    assert outcomes != {"passed"}, f"{name} lets everything pass: it is no gate"


def _check_parameters(name: str, gate: Gate) -> None:
    _, *parameters = inspect.signature(gate).parameters.values()
    for parameter in parameters:
        what = f"the parameter {parameter.name} of {name}"
        assert parameter.kind is parameter.KEYWORD_ONLY, f"{what} must be a keyword"
        assert parameter.default is not parameter.empty, f"{what} needs a default"
        assert json.loads(json.dumps(parameter.default)) == parameter.default, f"{what}: plain"


def _check_verdict(name: str, verdict: Verdict) -> None:
    assert isinstance(verdict, Verdict), f"{name} must answer with a Verdict"
    assert verdict.gate == name, f"{name} signs as {verdict.gate!r}"
    assert verdict.outcome in ("passed", "failed", "inconclusive"), f"{name}: {verdict.outcome!r}"
    assert verdict.message.strip(), f"{name} gives no words"
    assert "\n" not in verdict.message, f"{name} must say it in one line"
    for figure in (verdict.figure, verdict.limit):
        assert figure is None or math.isfinite(figure), f"{name}: {figure} is no figure"
    kept = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert Verdict.from_json(kept) == verdict, f"{name}: its verdict cannot be kept"
