"""Saved views: under a name, one's own or the team's, and the one to start with."""

from __future__ import annotations

import pytest

from pilothouse.activity import Activity
from pilothouse.experiments import Experiments
from pilothouse.kit.errors import Conflict, Invalid, NotFound, Refused
from pilothouse.storage import Store

STATE = {"runs_q": "forest", "runs_sort": "metrics.roc_auc"}


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def other(store: Store) -> Experiments:
    return Experiments(store.acting_as("ben"))


def test_a_view_keeps_its_state(room: Experiments) -> None:
    saved = room.save_view("Best forests", STATE)
    assert room.views() == (saved,)
    assert (saved.state, saved.owner, saved.is_default) == (STATE, "ada", False)


def test_saving_under_a_name_again_replaces(room: Experiments, store: Store) -> None:
    first = room.save_view("Best", STATE)
    room.set_default_view(first.id)
    second = room.save_view(" Best ", {"runs_q": "tree"})
    assert (second.id, second.state, second.is_default) == (first.id, {"runs_q": "tree"}, True)
    entry = Activity(store).entries(size=1).iloc[0]
    assert (entry["verb"], entry["before"]) == ("saved", {"state": STATE})


def test_a_persons_views_are_their_own_and_the_teams_are_everybodys(
    room: Experiments, other: Experiments
) -> None:
    own = room.save_view("Best", STATE)
    room.save_view("Best", {}, team=True)
    assert [(view.owner, view.name) for view in room.views()] == [("ada", "Best"), ("", "Best")]
    assert [view.owner for view in other.views()] == [""]
    with pytest.raises(Refused, match="ada's own"):
        other.rename_view(own.id, "Theirs")
    with pytest.raises(Refused):
        other.delete_view(own.id)


def test_ones_own_default_goes_before_the_teams(room: Experiments, other: Experiments) -> None:
    assert room.default_view() is None
    team = room.save_view("Team", {}, team=True)
    room.set_default_view(team.id)
    own, another = room.save_view("Mine", STATE), room.save_view("Another", STATE)
    room.set_default_view(own.id)
    room.set_default_view(another.id)
    own_default, other_default = room.default_view(), other.default_view()
    assert (own_default and own_default.name, other_default and other_default.name) == (
        "Another",
        "Team",
    )
    assert [view.name for view in room.views() if view.is_default] == ["Another", "Team"]
    room.set_default_view(another.id, False)
    left = room.default_view()
    assert left
    assert left.name == "Team"


def test_a_view_gets_another_name_that_is_free(room: Experiments) -> None:
    first, _ = room.save_view("One", STATE), room.save_view("Two", STATE)
    with pytest.raises(Conflict, match="'Two' already"):
        room.rename_view(first.id, "Two")
    assert room.rename_view(first.id, "Three").name == "Three"
    with pytest.raises(Invalid):
        room.rename_view(first.id, "x" * 81)


def test_a_removed_view_is_gone_and_its_name_free(room: Experiments) -> None:
    view = room.save_view("One", STATE)
    room.delete_view(view.id)
    assert room.views() == ()
    with pytest.raises(NotFound):
        room.delete_view(view.id)
    assert room.save_view("One", {}).state == {}


def test_a_view_cannot_keep_a_book(room: Experiments) -> None:
    with pytest.raises(Invalid, match="too large for a view"):
        room.save_view("Long", {"runs_filter": "x" * 9_000})
