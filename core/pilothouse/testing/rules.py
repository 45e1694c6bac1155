"""What every kind of alert rule promises: one order of thresholds, and a breach in words."""

from __future__ import annotations

import math

from pilothouse.monitoring.rules import RuleKind
from pilothouse.testing.parameters import check_described, check_unit

SCORES = (-0.5, 0.0, 0.25, 0.7, 1.0, 30.0)
REFERENCES = (None, 0.0, 0.7)


def check_rule_kind(name: str, kind: RuleKind) -> None:
    """Raise AssertionError, with what is wrong, unless the kind keeps every promise."""
    check_described(name, kind)
    check_unit(name, kind)
    assert kind.phrase.strip() == kind.phrase != "", f"{name} needs a phrase"
    names = [parameter.name for parameter in kind.parameters]
    assert names == ["threshold"], f"{name} must have one parameter, the threshold, not {names}"
    assert kind.parameters[0].type == "number", f"{name}: its threshold is a number"
    assert isinstance(kind.in_tolerances, bool), f"{name} must say whether it counts in tolerances"

    for threshold in _thresholds(kind):
        for reference in REFERENCES:
            for score in SCORES:
                _check_score(name, kind, score, reference, threshold)
    _check_order(name, kind)


def _thresholds(kind: RuleKind) -> tuple[float, ...]:
    parameter = kind.parameters[0]
    ends = [limit for limit in (parameter.low, parameter.high) if limit is not None]
    return (float(parameter.default), *ends)


def _check_score(
    name: str, kind: RuleKind, score: float, reference: float | None, threshold: float
) -> None:
    excess = kind.excess(score, reference, threshold)
    assert excess == kind.excess(score, reference, threshold), f"{name} gives two answers"
    assert excess is None or math.isfinite(excess), f"{name} gives {excess}"
    assert excess is None or isinstance(excess, float), f"{name} must give a float"

    limit = kind.limit(reference, threshold)
    assert limit is None or math.isfinite(limit), f"{name} has the limit {limit}"
    if excess is not None and excess > 0:
        text = kind.describe(score, reference, threshold)
        assert text.strip() == text != "", f"{name} must describe a breach"
        assert "\n" not in text, f"{name} must describe a breach on one line"


def _check_order(name: str, kind: RuleKind) -> None:
    """Which of two thresholds is stricter is the same for every score: clearing relies on it."""
    low, high = 0.25, 0.5
    signs = set()
    for reference in (0.0, 0.7):
        for score in SCORES:
            soft, strict = (kind.excess(score, reference, at) for at in (low, high))
            assert soft is not None, f"{name} says nothing with a reference"
            assert strict is not None, f"{name} says nothing with a reference"
            if soft != strict:
                signs.add(soft > strict)
    assert len(signs) == 1, f"{name}: which threshold is stricter must not depend on the score"
