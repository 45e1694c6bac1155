"""The same calls to MLflow's own server and to ours: alike, but for the differences on the list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from answering import Server, compare
from calls import Call, calls, delete, get, patch, post
from differences import DIFFERENCES, table

from harness.mlflow_server import side_by_side

pytest.importorskip("mlflow")
# The list has to stay as long as it is said to be.
FEWEST = 300
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mlflow.md"
Asked = list[tuple[Call, list[str], int]]
SOURCE = "s3://bucket/key"
MOVED = {"name": "clocks", "version": "1", "stage": "Archived", "archive_existing_versions": False}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """MLflow's own server, and ours."""
    with side_by_side(tmp_path_factory.mktemp("differential")) as (_, ours, theirs):
        both = Server(theirs), Server(ours)
        yield both
        for server in both:
            server.close()


@pytest.fixture(scope="module")
def asked(servers: tuple[Server, Server]) -> Asked:
    """Every call with the ways in which its two answers differ, and the status of ours."""
    found: Asked = []
    for call in calls():
        answers = [server.ask(call) for server in servers]
        found.append((call, compare(*answers), answers[1].status))
    return found


def test_every_call_is_answered_alike_or_is_on_the_list(asked: Asked) -> None:
    assert len(asked) >= FEWEST
    unlike = [f"{call}: {'; '.join(ways)}" for call, ways, _ in asked if ways and not call.differs]
    assert unlike == []


def test_no_difference_is_listed_that_is_none(asked: Asked) -> None:
    alike = [str(call) for call, ways, _ in asked if call.differs and not ways]
    assert alike == []
    assert {call.differs for call, _, _ in asked if call.differs} == DIFFERENCES.keys()


def test_no_call_is_answered_with_a_fault_of_ours(asked: Asked) -> None:
    assert [str(call) for call, _, status in asked if status >= 500] == []


CHANGES: tuple[Call, ...] = (
    post("model-versions/create", name="clocks", source=SOURCE),
    patch("model-versions/update", name="clocks", version="1", description="words"),
    post("model-versions/set-tag", name="clocks", version="1", key="k", value="v"),
    delete("model-versions/delete-tag", name="clocks", version="1", key="k"),
    patch("registered-models/update", name="clocks", description="words"),
    post("registered-models/set-tag", name="clocks", key="k", value="v"),
    delete("registered-models/delete-tag", name="clocks", key="k"),
    post("registered-models/alias", name="clocks", alias="best", version="1"),
    delete("registered-models/alias", name="clocks", alias="best"),
    post("model-versions/transition-stage", **MOVED),
    post("model-versions/create", name="clocks", source=SOURCE),
    delete("model-versions/delete", name="clocks", version="2"),
    post("registered-models/rename", name="clocks", new_name="other"),
    post("registered-models/rename", name="other", new_name="clocks"),
)


def test_the_same_changes_move_last_updated_timestamp(servers: tuple[Server, Server]) -> None:
    for server in servers:
        assert server.ask(post("registered-models/create", name="clocks")).status == 200
        assert server.ask(CHANGES[0]).status == 200
    for change in CHANGES:
        moved = [_moved(server, change) for server in servers]
        assert moved[0] == moved[1], f"{change}: (model, version) {moved[0]}, here {moved[1]}"


def _moved(server: Server, change: Call) -> tuple[bool, bool]:
    """Whether a change moves the last update of the model, and that of its first version."""
    name = change.fields.get("name", "clocks")
    before = _last_updated(server, name)
    time.sleep(0.02)  # the clock of the protocol counts milliseconds
    answer = server.ask(change)
    assert answer.status == 200, f"{change}: {answer.body}"
    after = _last_updated(server, change.fields.get("new_name", name))
    return before[0] != after[0], before[1] != after[1]


def _last_updated(server: Server, name: str) -> tuple[int, int]:
    model = server.ask(get("registered-models/get", name=name)).body["registered_model"]
    version = server.ask(get("model-versions/get", name=name, version="1")).body["model_version"]
    return model["last_updated_timestamp"], version["last_updated_timestamp"]


def test_the_page_shows_the_list() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), "put `differences.table()` into the page"
