"""Strategies: their steps, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from pilothouse.deployments.strategies import plan_of, strategies
from pilothouse.kit.errors import Invalid, NotFound


def test_every_strategy_is_known() -> None:
    assert strategies.names() == ["ab_test", "blue_green", "canary", "direct", "shadow"]


def test_a_canary_starts_without_requests_and_grows() -> None:
    plan = plan_of("canary", {"steps": [1, 10.5, 50], "pause_seconds": 60, "approval": True})
    assert [step.weights for step in plan.steps] == [(0,), (100,), (1_050,), (5_000,)]
    assert [step.seconds for step in plan.steps] == [0, 60, 60, 60]
    assert [step.smoke_test for step in plan.steps] == [True, False, False, False]
    assert [step.analysis for step in plan.steps] == [False, True, True, True]
    assert [step.approval for step in plan.steps] == [False, False, False, True]
    assert plan.steps[1].title == "1 % of the requests"
    assert plan.replaces


def test_blue_green_can_be_reached_by_name_before_it_takes_everything() -> None:
    preview, swapped = plan_of("blue_green", {"approval": True}).steps
    split = preview.traffic("salt", 1, (2,))
    assert (split.weight(2), split.is_reachable(2)) == (0, True)
    assert preview.approval
    assert swapped.traffic("salt", 1, (2,)).weight(2) == 10_000
    assert swapped.traffic("salt", 1, (2,)).versions == {1, 2}


def test_a_shadow_answers_nobody() -> None:
    plan = plan_of("shadow", {"percent": 25})
    split = plan.steps[-1].traffic("salt", 1, (2,))
    assert (split.mirrors, split.is_reachable(2), plan.replaces) == (((2, 2_500),), False, False)
    assert plan_of("shadow", {"replace": True}).replaces


def test_an_a_b_test_shares_equally_unless_it_is_told_otherwise() -> None:
    split = plan_of("ab_test", {}, 2).steps[-1].traffic("salt", 1, (2, 3))
    assert split.weights == ((2, 3_333), (3, 3_333), (1, 3_334))
    told = plan_of("ab_test", {"shares": [10, 20]}, 2).steps[-1]
    assert told.weights == (1_000, 2_000)
    assert told.approval


@pytest.mark.parametrize(
    ("strategy", "settings", "candidates"),
    [
        ("direct", {"pause_seconds": 5}, 1),
        ("direct", {"analysis": {"level": 0.1}}, 1),
        ("canary", {"steps": []}, 1),
        ("canary", {"steps": [10, 10]}, 1),
        ("canary", {"steps": [50, 20]}, 1),
        ("canary", {"steps": [0]}, 1),
        ("canary", {"steps": [101]}, 1),
        ("canary", {"steps": ["ten"]}, 1),
        ("canary", {"steps": [True]}, 1),
        ("canary", {"percent": 5}, 1),
        ("canary", {}, 2),
        ("shadow", {"steps": [5]}, 1),
        ("ab_test", {"shares": [50, 50]}, 2),
        ("ab_test", {"shares": [10]}, 2),
        ("ab_test", {}, 5),
        ("blue_green", {"bake_seconds": 0}, 1),
    ],
)
def test_a_setting_that_a_strategy_cannot_honour_is_refused(
    strategy: str, settings: dict[str, Any], candidates: int
) -> None:
    with pytest.raises(Invalid) as refused:
        plan_of(strategy, settings, candidates)
    assert refused.value.fields


def test_an_unknown_strategy_names_the_known_ones() -> None:
    with pytest.raises(NotFound, match="canary"):
        plan_of("big_bang", {})
