"""Every screen and view: real content, light and dark, no fault, no barrier, at its own address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import visiting
from playwright.sync_api import expect

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def workspace(demo: Any) -> Any:
    """The demo's workspace, with a report that has been made."""
    from pictures import with_report

    with_report(demo.workspace)
    return demo.workspace


@pytest.fixture(scope="module")
def tab(profiles: Any, demo: Any) -> Iterator[Any]:
    """One tab for all screens: the first page of a tab takes twice as long as the next ones."""
    with visiting(profiles["dark"], str(demo.ship.address("app").url)) as somebody:
        yield somebody


def test_a_screen_is_whole_in_both_appearances(visitor: Any, workspace: Any, place: Any) -> None:
    visitor.page.emulate_media(color_scheme="dark")
    visitor.open(place.address(workspace))
    for words in place.shows:
        expect(visitor.named(words)).to_be_visible()
    # A view shares its frame with its screen: it is looked at once, where contrast is hardest.
    for scheme in ("dark",) if place.view else ("dark", "light"):
        visitor.prefer(scheme)
        assert visitor.faults() == []
        assert visitor.barriers() == []


def test_an_address_of_nothing_says_so(visitor: Any) -> None:
    for page, param in (("run", "id"), ("version", "ref"), ("window", "id"), ("job", "id")):
        visitor.open(f"/{page}?{param}=nothing@7")
        expect(visitor.page.get_by_role("alert")).to_contain_text("Not found")


def test_a_page_that_an_error_took_away_comes_back(visitor: Any) -> None:
    """React removes the whole page at an error that nothing catches, and it is white then."""
    visitor.open("/experiments?runs_q=flights")
    visitor.page.evaluate("window.before = true; document.getElementById('root').replaceChildren()")
    visitor.page.wait_for_function("!window.before")
    visitor.titled("Experiments")
    assert visitor.param("runs_q") == "flights"
    assert visitor.came_back()
    visitor.complaints.clear()  # what the page said while it was taken away


def test_what_one_chose_is_in_the_address(visitor: Any) -> None:
    visitor.open("/experiments")
    visitor.search("Name, id, trainer or note", "random-forest")
    visitor.sort("ROC AUC")
    before = visitor.table("Runs").rows()
    assert before
    assert all(row["Run"].startswith("random-forest") for row in before)

    visitor.page.reload()
    visitor.idle()
    assert visitor.table("Runs").rows() == before

    visitor.page.get_by_role("link", name="Registry").click()
    visitor.titled("Registry")
    visitor.page.get_by_role("link", name="Experiments").click()
    visitor.titled("Experiments")
    assert visitor.table("Runs").rows() == before
    assert visitor.param("runs_q") == "random-forest"


def test_ticks_belong_to_runs_and_not_to_rows(visitor: Any, demo: Any) -> None:
    visitor.open("/experiments?runs_q=forest")
    runs = visitor.table("Runs")
    ticked = [runs.rows()[0]["Run"]]
    runs.tick(0)
    expect(visitor.page.get_by_role("button", name="Compare (1)")).to_be_disabled()
    visitor.sort("Log loss")
    runs = visitor.table("Runs")
    place, other = next(
        (place, row["Run"])
        for place, row in enumerate(runs.rows())
        if row["Run"] not in ticked and row["ROC AUC"]
    )
    runs.tick(place)
    visitor.page.get_by_role("link", name="Compare (2)").click()
    visitor.titled("Compare")
    known = demo.workspace.experiments.runs(size=200).set_index("id")["name"]
    assert {known[run] for run in visitor.param("runs").split(",")} == {*ticked, other}
