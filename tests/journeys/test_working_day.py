"""What everybody does every day: back, keyboard, a second tab, a message, a page on paper."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from harness.running_instance import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


def entries(visitor: Any) -> int:
    """How many entries the history of the tab has."""
    return int(visitor.page.evaluate("history.length"))


def test_back_needs_one_press(visitor: Any) -> None:
    visitor.open("/experiments")
    visitor.search("Name, id, trainer or note", "forest")
    before = entries(visitor)
    visitor.table("Runs").open(0)
    expect(visitor.page).to_have_url(re.compile(r"/run\?id="))
    visitor.idle()
    assert entries(visitor) == before + 1  # not one for the parameters and one for the page
    visitor.page.get_by_role("link", name="Registry").first.click()
    visitor.titled("Registry")
    visitor.page.go_back()
    expect(visitor.page).to_have_url(re.compile(r"/run\?id="))
    visitor.page.go_back()
    visitor.titled("Experiments")
    assert visitor.param("runs_q") == "forest"
    assert visitor.param("id") == ""


def test_a_filter_adds_no_entry_and_another_object_does(visitor: Any, voyage: Any) -> None:
    visitor.open("/experiments")
    before = entries(visitor)
    for words in ("forest", "logistic"):
        visitor.search("Name, id, trainer or note", words)
    assert entries(visitor) == before
    names = voyage.workspace.registry.models()["name"]
    first = voyage.workspace.registry.versions(names.iloc[0])["version"].min()
    visitor.open(f"/version?ref={names.iloc[0]}@{first}")
    visitor.idle()
    visitor.page.evaluate("history.pushState({}, '', '/version?ref=another@1')")
    visitor.page.go_back()
    assert visitor.param("ref") == f"{names.iloc[0]}@{first}"


def test_arrows_and_enter_open_a_row(visitor: Any, voyage: Any) -> None:
    visitor.open("/experiments?runs_sort=metrics.roc_auc")
    runs = visitor.table("Runs")
    runs.region.locator("canvas").first.focus()
    ring = "getComputedStyle(document.querySelector('[data-testid=stDataFrame]'), '::after')"
    assert visitor.page.evaluate(f"{ring}.borderTopWidth") == "2px"
    chosen = runs.region.locator("[role=gridcell][aria-selected=true]")
    for _ in range(3):
        visitor.page.keyboard.press("ArrowDown")
        expect(chosen).to_have_count(1)
        visitor.page.wait_for_timeout(300)
    name = chosen.inner_text()
    assert name in [row["Run"] for row in runs.rows()[2:4]]
    visitor.page.keyboard.press("Enter")
    visitor.titled(name)


def test_the_focus_is_in_sight(visitor: Any) -> None:
    visitor.open("/activity")
    visitor.page.get_by_placeholder("Name, reason or person").focus()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Shift+Tab")
    width = visitor.page.evaluate(
        "getComputedStyle(document.activeElement).outlineWidth + ' '"
        " + getComputedStyle(document.activeElement).outlineStyle"
    )
    assert width == "2px solid"


def test_paper_has_the_page_alone(visitor: Any, voyage: Any) -> None:
    visitor.open("/registry")
    visitor.prefer("dark")
    visitor.page.emulate_media(media="print")
    expect(visitor.page.get_by_test_id("stApp")).to_have_css("filter", re.compile("invert"))
    expect(visitor.page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(visitor.key("page_header").get_by_role("heading")).to_be_visible()
    left = visitor.key("page_header").bounding_box()["x"]
    assert left < 40  # the page begins where the paper does
    visitor.page.emulate_media(media="screen")
    expect(visitor.page.get_by_test_id("stSidebar")).to_be_visible()


def test_a_second_tab_notices_a_decision(visitor: Any, voyage: Any) -> None:
    registry, name = voyage.workspace.registry, "second-tab"
    known = registry.models()["name"].iloc[0]
    newest = registry.version(known, int(registry.versions(known)["version"].max()))
    version = registry.register(name, str(newest.run_id))
    asked = registry.propose(name, version.version, "staging", "to be decided in another tab")
    visitor.open(f"/promotion?id={asked.id}")
    visitor.press("Reject")
    visitor.dialog("Reject this promotion")
    registry.decide(asked.id, False, "decided elsewhere")
    expect(visitor.key("page_header")).to_contain_text("Rejected")
    visitor.toast("This promotion was decided elsewhere")
    expect(visitor.page.get_by_role("dialog")).to_be_hidden()
    expect(visitor.page.get_by_role("button", name="Accept")).to_be_hidden()
    # The message stands at the bottom right, where no page has its command.
    box = visitor.page.get_by_test_id("stToast").first.bounding_box()
    assert box["y"] > visitor.page.viewport_size["height"] / 2


def test_what_needs_a_person_is_dismissed_and_put_back(visitor: Any, voyage: Any) -> None:
    attention, jobs = voyage.workspace.attention, voyage.workspace.jobs
    nobody = {"deployment": "nobody", "reason": "to see it fail"}
    job = jobs.submit("retrain", nobody, title="Retrain nobody")
    wait_for(lambda: jobs.job(job).status == "failed", "the job has failed")
    before = {item.id for item in attention.items()}
    visitor.open("/")
    line = visitor.key("lines_attention")
    expect(line.get_by_role("link").first).to_contain_text("Retrain nobody")
    line.get_by_role("button").first.click()
    visitor.toast("Dismissed")
    (gone,) = before - {item.id for item in attention.items()}
    visitor.open("/attention?attention_view=Dismissed")
    visitor.table("Needs a person").tick(0)
    visitor.press("Restore (1)")
    visitor.toast("1 item restored")
    assert gone in {item.id for item in attention.items()}
