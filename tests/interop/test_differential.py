"""The same calls to MLflow's own server and to ours: alike, but for the differences on the list."""

from __future__ import annotations

from pathlib import Path

import pytest
from answering import Server, compare
from calls import Call, calls
from differences import DIFFERENCES, table

from pilothouse.testing.reference import side_by_side

pytest.importorskip("mlflow")
# The list has to stay as long as it is said to be.
FEWEST = 300
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "mlflow.md"
Asked = list[tuple[Call, list[str], int]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Every call with the ways in which its two answers differ, and the status of ours."""
    with side_by_side(tmp_path_factory.mktemp("differential")) as (_, ours, theirs):
        servers = Server(theirs), Server(ours)
        found: Asked = []
        for call in calls():
            answers = [server.ask(call) for server in servers]
            found.append((call, compare(*answers), answers[1].status))
        for server in servers:
            server.close()
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


def test_the_page_shows_the_list() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), "put `differences.table()` into the page"
