"""What every rollout strategy promises: a pure plan that ends and never takes requests back."""

from __future__ import annotations

from itertools import pairwise

from pilothouse.deployments.strategies import MAX_STEPS, RolloutStep, Strategy
from pilothouse.deployments.traffic_split import BUCKETS
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import read_params
from pilothouse.testing.parameters import check_described, edges

MAX_CANDIDATES = 26  # each has a letter


def check_strategy(name: str, strategy: Strategy) -> None:
    """Raise AssertionError, with what is wrong, unless the strategy keeps every promise."""
    check_described(name, strategy)
    most = strategy.max_candidates
    assert 1 <= most <= MAX_CANDIDATES, f"{name} tries {most} candidates"
    for count in {1, most}:
        defaults = read_params(name, strategy.parameters, {})
        steps = strategy.steps(defaults, count)
        assert steps == strategy.steps(defaults, count), f"{name} gives two plans"
        assert isinstance(strategy.replaces(defaults), bool), f"{name} must say if it replaces"
        _check_steps(name, steps, count)

    for parameter in strategy.parameters:
        for value in edges(parameter):
            settings = read_params(name, strategy.parameters, {parameter.name: value})
            try:
                _check_steps(name, strategy.steps(settings, 1), 1)
            except Invalid:
                continue  # refused when it is given, which is what a plan may do


def _check_steps(name: str, steps: tuple[RolloutStep, ...], candidates: int) -> None:
    assert 1 <= len(steps) <= MAX_STEPS + 1, f"{name} has {len(steps)} steps"
    assert len({step.title for step in steps}) == len(steps), f"{name}: two steps of one title"
    for step in steps:
        assert len(step.weights) == candidates, f"{name}: each candidate needs its weight"
        assert len(step.mirrors) <= candidates, f"{name}: a mirror without a candidate"
        assert step.seconds >= 0, f"{name}: a step cannot last {step.seconds} seconds"
        split = step.traffic("salt", 1, tuple(range(2, 2 + candidates)))
        assert sum(weight for _, weight in split.weights) == BUCKETS, f"{name}: a share is lost"
    for before, after in pairwise(steps):
        pairs = zip(before.weights, after.weights, strict=True)
        assert all(a <= b for a, b in pairs), f"{name} takes requests back from a candidate"
