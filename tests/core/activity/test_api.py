"""What may be asked of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pilothouse.activity import record
from pilothouse.activity.actors import AUTOMATIC, is_automatic
from pilothouse.kit.clock import FixedClock
from pilothouse.workspace import Workspace


@pytest.fixture
def log(workspace: Workspace) -> Workspace:
    store = workspace.store
    entries = [
        ("ada", "registered", "dataset", "flights@1", "first 100% of it"),
        ("ada", "promoted", "version", "delay@1", "better"),
        ("grace", "promoted", "version", "delay@2", "Even better"),
    ]
    with store.write() as session:
        for actor, verb, kind, ref, reason in entries:
            record(session, store.acting_as(actor), verb, kind, ref, reason=reason)
    return workspace


def refs(workspace: Workspace, **asked: object) -> list[str]:
    return list(workspace.activity.entries(**asked)["ref"])  # type: ignore[arg-type]  # test rows


def test_entries_come_newest_first_by_page(log: Workspace) -> None:
    assert refs(log) == ["delay@2", "delay@1", "flights@1"]
    assert refs(log, page=2, size=2) == ["flights@1"]
    assert log.activity.entries().iloc[0]["at"] == log.store.now()


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"kind": "dataset"}, ["flights@1"]),
        ({"ref": "delay@1"}, ["delay@1"]),
        ({"actor": "ada", "verb": "promoted"}, ["delay@1"]),
        ({"search": "BETTER"}, ["delay@2", "delay@1"]),
        ({"search": "100%"}, ["flights@1"]),
        ({"search": "0% _f"}, []),
        ({"search": "%"}, ["flights@1"]),
        ({"kind": "nothing"}, []),
    ],
)
def test_entries_are_found_by_what_they_say(
    log: Workspace, filters: dict[str, str], names: list[str]
) -> None:
    assert refs(log, **filters) == names
    assert log.activity.count(**filters) == len(names)


def test_facets_list_what_occurs(log: Workspace) -> None:
    assert log.activity.facets() == {
        "kind": ["dataset", "version"],
        "verb": ["promoted", "registered"],
        "actor": ["ada", "grace"],
    }


def test_the_log_says_whether_it_is_unbroken(log: Workspace) -> None:
    assert log.activity.verify().intact


def test_entries_are_found_by_a_span_of_time(log: Workspace, clock: FixedClock) -> None:
    noon = clock.now()
    clock.advance(timedelta(hours=24))
    with log.store.write() as session:
        record(session, log.store, "promoted", "version", "delay@3")
    assert refs(log, since=noon + timedelta(hours=1)) == ["delay@3"]
    assert refs(log, until=noon) == []  # the end is the first instant that does not count
    assert refs(log, until=noon + timedelta(microseconds=1), verb="registered") == ["flights@1"]
    day = datetime(2026, 3, 2, tzinfo=UTC)
    assert refs(log, since=day, until=day + timedelta(days=1)) == ["delay@3"]
    assert log.activity.count(since=noon, until=noon + timedelta(days=2)) == 4


def test_without_routine_only_what_is_worth_reading_is_left(log: Workspace) -> None:
    store = log.store
    with store.write() as session:
        for actor in ("ada", *AUTOMATIC):
            record(session, store.acting_as(actor), "submitted", "job", f"of {actor}")
        record(session, store.acting_as("monitor"), "evaluated", "window", "w1")
        record(session, store.acting_as("monitor"), "fired", "alert", "a1")
        record(session, store, "evaluated", "window", "w2")  # as older programs signed it
    assert refs(log, routine=False) == ["a1", "of ada", "delay@2", "delay@1", "flights@1"]
    assert log.activity.count() == log.activity.count(routine=False) + len(AUTOMATIC) + 2


def test_an_account_is_no_part_of_the_program() -> None:
    assert is_automatic("monitor")
    assert not is_automatic("root")
