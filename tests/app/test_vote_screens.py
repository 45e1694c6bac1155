"""A promotion's page with votes and overrides, and the red badges of what stands on overrides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from harness.policies import set_gates
from pilothouse.people.rights import APPROVE
from pilothouse.registry.policy import Approvals, GateRule
from pilothouse.workspace import Workspace

STRICT = GateRule("metric_threshold", {"metric": "roc_auc", "threshold": 0.9})


@pytest.fixture
def team(served: Workspace) -> Workspace:
    """Three people, and a promotion that needs two others than its asker."""
    if not served.people.people():
        served.people.add("ada")
    for name in ("bo", "cy"):
        served.people.add(name, rights=[APPROVE])
    return served


def text_of(page: AppTest) -> str:
    return "\n".join(str(item.value) for item in page.markdown).replace("\\", "")


def test_votes_are_listed_with_whose_counts(tour, team):
    set_gates(team, "production", (), Approvals(2, four_eyes=True))
    asked = team.registry.propose("late", 2, "production", "better").id
    team.registry.decide(asked, True, "mine")
    team.acting_as("bo").registry.decide(asked, True, "looks fine")
    page = tour("promotion", id=asked)
    assert not page.exception
    assert "1 of 2 approvals: bo" in text_of(page)
    assert "1 more approval is needed, by others than ada" in text_of(page)
    votes = next(item.value for item in page.table if "Vote" in item.value)
    assert list(votes["Person"]) == ["ada", "bo"]
    assert votes["Counts"].iloc[0].startswith("no: asked for it")


def test_a_gate_is_overridden_where_one_stands_in_the_way(tour, team, clock):
    set_gates(team, "production", (STRICT,))
    asked = team.registry.propose("late", 2, "production", "better").id
    page = tour("promotion", id=asked)
    assert page.button(key="decide_accept").disabled
    assert not page.button(key="override").disabled
    end = team.store.now() + timedelta(days=3)
    team.registry.override(asked, "metric_threshold", "the season ends", end)
    page = tour("promotion", id=asked)
    assert not page.exception
    assert not page.button(key="decide_accept").disabled
    assert "Overridden by **ada**, until" in page.error[0].value
    team.registry.decide(asked, True, "with it")
    for path, address in (("version", {"ref": "late@2"}), ("model", {"name": "late"})):
        assert "1 gate overridden" in text_of(tour(path, **address))
    clock.advance(timedelta(days=4))
    assert "1 gate overridden, 1 expired" in text_of(tour("version", ref="late@2"))
    assert (
        "Late 2 stands on an expired override".casefold()
        in str(tour("attention").dataframe[0].value["title"].tolist()).casefold()
    )


def test_whoever_may_not_override_is_told(tour, team):
    set_gates(team, "production", (STRICT,))
    team.people.change("bo", rights=["approve", "override", "edit_policies"])
    team.acting_as("bo").people.change("ada", rights=["approve"])
    asked = team.registry.propose("late", 2, "production", "better").id
    button = tour("promotion", id=asked).button(key="override")
    assert button.disabled
    assert button.help == "Needs the right to override a gate"
