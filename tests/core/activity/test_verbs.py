"""What may be asked of the log."""

from __future__ import annotations

import pytest

from pilothouse.activity import record
from pilothouse.workspace import Workspace


@pytest.fixture
def log(workspace: Workspace) -> Workspace:
    store = workspace.store
    told = [
        ("ada", "registered", "dataset", "flights@1", "first 100% of it"),
        ("ada", "promoted", "version", "delay@1", "better"),
        ("grace", "promoted", "version", "delay@2", "Even better"),
    ]
    with store.write() as session:
        for actor, verb, kind, ref, reason in told:
            record(session, store.acting_as(actor), verb, kind, ref, reason=reason)
    return workspace


def refs(workspace: Workspace, **asked: object) -> list[str]:
    return list(workspace.activity.entries(**asked)["ref"])  # type: ignore[arg-type]  # test rows


def test_entries_come_newest_first_by_page(log: Workspace) -> None:
    assert refs(log) == ["delay@2", "delay@1", "flights@1"]
    assert refs(log, page=2, size=2) == ["flights@1"]
    assert log.activity.entries().iloc[0]["at"] == log.store.now()


@pytest.mark.parametrize(
    ("asked", "found"),
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
    log: Workspace, asked: dict[str, str], found: list[str]
) -> None:
    assert refs(log, **asked) == found
    assert log.activity.count(**asked) == len(found)


def test_facets_list_what_occurs(log: Workspace) -> None:
    assert log.activity.facets() == {
        "kind": ["dataset", "version"],
        "verb": ["promoted", "registered"],
        "actor": ["ada", "grace"],
    }


def test_the_log_says_whether_it_is_unbroken(log: Workspace) -> None:
    assert log.activity.verify().intact
