"""The run table by mouse: filters that are built, views that are kept, marks, and links to all."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from browsing import seeing, visiting
from playwright.sync_api import expect

from pilothouse.kit.errors import NotFound

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]


@pytest.fixture
def origin(without_demo: Any) -> str:
    return str(without_demo.ship.address("app").url)


@pytest.fixture
def where() -> str:
    """An experiment of the journey's own."""
    return f"journeys/{uuid.uuid4().hex[:8]}"


@pytest.fixture
def runs(without_demo: Any, where: str) -> dict[str, str]:
    """A search with two trials and one run beside it, all ended."""
    room, found = without_demo.workspace.experiments, {}
    for name, auc in (("search", 0.61), ("trial-1", 0.72), ("trial-2", 0.83), ("alone", 0.54)):
        parent = found["search"] if name.startswith("trial") else None
        run = found[name] = room.start(where, name, parent=parent)
        room.log_params(run, {"depth": int(auc * 10), "kind": "tree" if auc > 0.7 else "line"})
        room.log_metrics(run, {"roc_auc": auc})
        room.finish(run)
    return found


def names(visitor: Any) -> list[str]:
    """The names of the rows that are drawn."""
    rows = visitor.table("Runs").rows()
    return [row["Run"].strip("\u2003└ ") for row in rows]


def act(visitor: Any, command: str) -> Any:
    """Open a command of the menu; its dialog."""
    visitor.press("Actions")
    visitor.page.get_by_role("menuitem", name=re.compile(f"{command}$")).click()
    return visitor.dialog(command)


def view(visitor: Any, label: str, choice: str) -> None:
    """Choose from the menu of views, whose label is the view that is open."""
    visitor.page.get_by_role("button", name=re.compile(label)).first.click()
    visitor.page.get_by_role("menuitem", name=re.compile(f"{choice}$")).click()


def test_a_link_shows_the_same_state_in_another_browser(
    visitor: Any, browser: Any, runs: dict[str, str], where: str
) -> None:
    visitor.open(f"/experiments?experiment={where}&runs_columns=metrics.roc_auc")
    box = visitor.page.get_by_role("textbox", name="Filter", exact=True)
    box.fill("metrics.roc_auc > 0.6")
    box.press("Enter")
    visitor.page.wait_for_url(re.compile("runs_filter="))
    visitor.sort("ROC AUC")
    visitor.press("Columns")
    visitor.pick("Add a column", "Parameter: depth")
    visitor.page.wait_for_url(re.compile("depth"))
    visitor.page.keyboard.press("Escape")
    expect(visitor.table("Runs").region.locator("canvas table").first).to_contain_text("depth")
    visitor.idle()
    assert names(visitor) == ["trial-2", "trial-1", "search"]
    before, link = visitor.table("Runs").rows(), visitor.page.url.removeprefix(visitor.origin)
    assert before[0]["depth"] == "8"

    elsewhere = seeing(browser, "light")
    with visiting(elsewhere, visitor.origin) as other:
        other.open(link)
        assert other.table("Runs").rows() == before
        expect(other.page.get_by_role("textbox", name="Filter", exact=True)).to_have_value(
            "metrics.roc_auc > 0.6"
        )
    elsewhere.close()


def test_a_head_is_clicked_to_sort_and_clicked_again_to_turn(
    visitor: Any, runs: dict[str, str], where: str
) -> None:
    visitor.open(f"/experiments?experiment={where}&runs_columns=metrics.roc_auc")
    grid = visitor.table("Runs").region
    last = {"x": grid.bounding_box()["width"] - 60, "y": 15}
    grid.click(position=last)
    visitor.page.wait_for_url(re.compile("runs_sort=metrics.roc_auc"))
    expect(grid.locator("canvas table").first).to_contain_text("ROC AUC ↓")
    assert names(visitor) == ["trial-2", "trial-1", "search", "alone"]
    visitor.table("Runs").region.click(position=last)
    visitor.page.wait_for_url(re.compile("runs_rising=yes"))
    expect(grid.locator("canvas table").first).to_contain_text("ROC AUC ↑")
    assert names(visitor) == ["alone", "search", "trial-1", "trial-2"]


def test_a_filter_is_built_by_pointing(visitor: Any, runs: dict[str, str], where: str) -> None:
    visitor.open(f"/experiments?experiment={where}")
    visitor.press("Build")
    dialog = visitor.dialog("Build a filter")
    visitor.pick("Field", "Metric: ROC AUC")
    value = dialog.get_by_role("spinbutton", name="Value")
    value.fill("0.7")
    value.press("Enter")
    expect(dialog).to_contain_text("2 runs match")
    assert visitor.idle().barriers() == []
    visitor.press("Apply", within=dialog)
    box = visitor.page.get_by_role("textbox", name="Filter", exact=True)
    expect(box).to_have_value("metrics.roc_auc >= 0.7")
    visitor.idle()
    assert set(names(visitor)) == {"trial-1", "trial-2"}

    box.fill("metrics.roc_auc >= 'high'")
    box.press("Enter")
    expect(visitor.key("runs_wrong")).to_contain_text("Column 20")


def test_runs_are_marked_archived_restored_and_deleted(
    visitor: Any, runs: dict[str, str], where: str, without_demo: Any
) -> None:
    room = without_demo.workspace.experiments
    visitor.open(f"/experiments?experiment={where}&runs_sort=name&runs_rising=yes")
    assert names(visitor) == ["alone", "search", "trial-1", "trial-2"]
    for row in (2, 3):
        visitor.table("Runs").tick(row)
        expect(visitor.key("runs_foot")).to_contain_text(f"{row - 1} ticked")
    dialog = act(visitor, "Colour")
    dialog.get_by_role("radio", name="Teal").or_(
        dialog.get_by_role("button", name="Teal")
    ).first.click()
    visitor.press("Apply", within=dialog)
    visitor.toast("2 runs: teal")
    visitor.idle()
    assert [row["Marks"] for row in visitor.table("Runs").rows()] == ["", "", "Teal", "Teal"]

    visitor.table("Runs").tick(0)
    expect(visitor.key("runs_foot")).to_contain_text("1 ticked")
    dialog = act(visitor, "Archive")
    dialog.get_by_role("textbox", name="Reason").fill("of no use")
    visitor.press("Archive", within=dialog)
    visitor.toast("1 run archived")
    visitor.idle()
    assert names(visitor) == ["search", "trial-1", "trial-2"]
    assert room.run(runs["alone"]).archived_at is not None

    visitor.choose("Show", "Archived")
    visitor.idle()
    assert names(visitor) == ["alone"]
    visitor.table("Runs").tick(0)
    expect(visitor.key("runs_foot")).to_contain_text("1 ticked")
    dialog = act(visitor, "Delete permanently")
    dialog.get_by_role("textbox", name="Type delete 1 to confirm").fill("delete 1")
    dialog.get_by_role("textbox", name="Reason").fill("of no use")
    visitor.press("Delete permanently", within=dialog)
    visitor.toast("1 run deleted")
    visitor.idle()
    with pytest.raises(NotFound):
        room.run(runs["alone"])


def test_a_view_is_saved_opened_and_removed(visitor: Any, runs: dict[str, str], where: str) -> None:
    visitor.open(f"/experiments?experiment={where}&runs_sort=metrics.roc_auc&runs_view=tree")
    view(visitor, "Views", "Save as …")
    dialog = visitor.dialog("Save this view")
    dialog.get_by_role("textbox", name="Name").fill("The journey")
    visitor.press("Save", within=dialog)
    visitor.toast("The journey is saved")
    visitor.idle()
    view(visitor, "The journey", "All runs")
    visitor.page.wait_for_url(re.compile(r"/experiments$"))
    view(visitor, "Views", "The journey")
    visitor.page.wait_for_url(re.compile("runs_view=tree"))
    visitor.idle()
    assert names(visitor) == ["search", "alone"]
    view(visitor, "The journey", "Delete …")
    visitor.press("Delete", within=visitor.dialog("Delete this view"))
    visitor.toast("The journey is deleted")


def test_a_running_run_is_kept_fresh_without_a_reload(
    visitor: Any, where: str, without_demo: Any
) -> None:
    room = without_demo.workspace.experiments
    run = room.start(where, "under-way")
    room.log_metrics(run, {"roc_auc": 0.5})
    visitor.page.goto(f"{visitor.origin}/experiments?experiment={where}")
    grid = visitor.page.get_by_role("region", name="Runs").locator("canvas table").first
    expect(grid).to_contain_text("Running")
    room.log_metrics(run, {"roc_auc": 0.875}, step=1)
    expect(grid).to_contain_text("0.875")
    room.finish(run)
    expect(grid).to_contain_text("Finished")
    visitor.idle()
