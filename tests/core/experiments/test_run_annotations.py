"""Marks on runs: all of them or none, once in the log, and nothing on what is archived."""

from __future__ import annotations

import pytest

from pilothouse.activity import Activity
from pilothouse.experiments import Experiments, RunFilter
from pilothouse.experiments.provenance.git import UNKNOWN
from pilothouse.experiments.run_annotations import COLOUR, COLOURS, MAX_RUNS, STARRED
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.storage import Store


@pytest.fixture
def room(store: Store) -> Experiments:
    return Experiments(store)


@pytest.fixture
def runs(room: Experiments) -> list[str]:
    return [room.start("flights", name, code=UNKNOWN) for name in ("amber", "bold", "calm")]


def newest(store: Store) -> dict[str, object]:
    return dict(Activity(store).entries(size=1).iloc[0])


def test_a_star_is_a_tag_that_can_be_searched(room: Experiments, runs: list[str]) -> None:
    assert room.star(runs[:2]) == 2
    starred = RunFilter(tags={STARRED: "yes"})
    assert room.count(starred) == 2
    room.star(runs[:1], starred=False)
    assert room.ids(starred) == [runs[1]]


def test_a_star_twice_is_one_star(room: Experiments, runs: list[str]) -> None:
    room.star(runs[:1])
    room.star(runs[:1])
    assert room.run(runs[0]).tags == {STARRED: "yes"}


def test_many_runs_are_one_activity_with_every_id(
    room: Experiments, runs: list[str], store: Store
) -> None:
    before = Activity(store).count()
    room.tag_many(runs, {"team": "north"})
    assert Activity(store).count() == before + 1
    entry = newest(store)
    assert (entry["verb"], entry["ref"]) == ("tagged", entry["after"]["runs"][0])  # type: ignore[index]
    assert sorted(entry["after"]["runs"]) == sorted(runs)  # type: ignore[index]
    assert Activity(store).verify().intact


def test_the_log_keeps_what_a_tag_was(room: Experiments, runs: list[str], store: Store) -> None:
    room.tag_many(runs[:1], {"team": "north"})
    room.tag_many(runs[:1], {"team": "south"}, remove=["nothing"])
    assert newest(store)["before"] == {"tags": {runs[0]: {"team": "north"}}}
    assert room.run(runs[0]).tags == {"team": "south"}


def test_tags_are_set_and_taken_off_together(room: Experiments, runs: list[str]) -> None:
    room.tag_many(runs, {"team": "north", "kind": "old"})
    room.tag_many(runs[:2], {"kind": "new"}, remove=["team"])
    assert room.run(runs[0]).tags == {"kind": "new"}
    assert room.run(runs[2]).tags == {"team": "north", "kind": "old"}


@pytest.mark.parametrize("colour", COLOURS)
def test_a_run_has_one_colour(room: Experiments, runs: list[str], colour: str) -> None:
    room.colour(runs, "red")
    room.colour(runs[:1], colour)
    assert room.run(runs[0]).tags == {COLOUR: colour}
    room.colour(runs[:1], None)
    assert room.run(runs[0]).tags == {}


def test_a_colour_that_nobody_knows_is_refused(room: Experiments, runs: list[str]) -> None:
    with pytest.raises(Invalid, match="not a colour"):
        room.colour(runs, "mauve")
    with pytest.raises(Invalid, match="not a colour"):
        room.tag_many(runs, {COLOUR: "mauve"})


def test_nothing_is_written_when_one_of_many_cannot_be(
    room: Experiments, runs: list[str], store: Store
) -> None:
    room.archive_many(runs[:1], "old")
    before = Activity(store).count()
    with pytest.raises(Conflict, match="'amber' is archived"):
        room.star(runs)
    with pytest.raises(Conflict):
        room.rename(runs[0], "other")
    with pytest.raises(NotFound):
        room.star([runs[1], "0" * 32])
    assert room.run(runs[1]).tags == {}
    assert Activity(store).count() == before


def test_runs_go_out_of_sight_and_come_back(
    room: Experiments, runs: list[str], store: Store
) -> None:
    assert room.archive_many(runs[:2], "too old") == 2
    assert (newest(store)["verb"], newest(store)["reason"]) == ("archived", "too old")
    assert room.archive_many(runs, "the rest") == 1
    assert (room.count(), room.count(RunFilter(archived=True))) == (0, 3)
    assert room.restore_many(runs[1:]) == 2
    assert sorted(room.ids()) == sorted(runs[1:])


def test_archiving_what_is_archived_is_no_command(
    room: Experiments, runs: list[str], store: Store
) -> None:
    room.archive_many(runs, "old")
    before = Activity(store).count()
    assert room.archive_many(runs, "again") == 0
    assert Activity(store).count() == before


def test_a_run_gets_another_name(room: Experiments, runs: list[str], store: Store) -> None:
    room.rename(runs[0], "  better ")
    assert room.run(runs[0]).name == "better"
    assert newest(store)["before"] == {"name": "amber"}
    with pytest.raises(Invalid):
        room.rename(runs[0], "   ")


@pytest.mark.parametrize("count", [0, MAX_RUNS + 1])
def test_a_command_has_a_bound(room: Experiments, count: int) -> None:
    with pytest.raises(Invalid, match="for 1 to 1,000 runs"):
        room.star([f"{number:032x}" for number in range(count)])


def test_a_tag_needs_a_key_and_there_must_be_something_to_do(
    room: Experiments, runs: list[str]
) -> None:
    with pytest.raises(Invalid, match="key"):
        room.tag_many(runs, {" ": "x"})
    with pytest.raises(Invalid, match="no tag"):
        room.tag_many(runs, {})
