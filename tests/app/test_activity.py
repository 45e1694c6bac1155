"""Activity: the log, its filters, the entry beside it, and an empty one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.activity import record
from pilothouse.workspace import Workspace
from pilothouse_app.components.diff import changed_fields
from pilothouse_app.components.markdown import literal


@pytest.fixture
def busy(workspace: Workspace) -> Workspace:
    with workspace.store.write() as session:
        for number in range(3):
            record(
                session, workspace.store, "promoted", "version", f"late@{number + 1}",
                before={"stage": "none"}, after={"stage": "production", "rows": 12},
                reason="the *weekly* review",
            )  # fmt: skip
        record(session, workspace.store, "registered", "dataset", "flights@1")
    return workspace


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def test_an_empty_log_says_what_will_be_in_it(visit):
    page = visit("activity")
    assert not page.exception
    assert "The audit log is empty" in shown(page)


def test_the_log_is_shown_newest_first_with_its_entry_beside_it(visit, busy):
    page = visit("activity")
    assert not page.exception
    rows = page.dataframe[0].value
    assert list(rows["name"]) == ["flights@1", "late@3", "late@2", "late@1"]
    assert "Registered dataset" in shown(page)


def test_a_filter_in_the_address_is_kept(visit, busy):
    page = visit("activity", activity_q="late@2")
    rows = page.dataframe[0].value
    assert list(rows["name"]) == ["late@2"]
    assert "weekly" in shown(page)
    values = page.table[0].value
    assert list(values["Field"]) == ["Stage", "Rows"]
    assert list(values["Before"]) == ["none", "–"]  # noqa: RUF001


def test_a_filter_without_a_match_says_so(visit, busy):
    page = visit("activity", activity_q="nowhere")
    assert not page.exception
    assert "No entries match" in shown(page)


def test_only_what_changed_is_shown():
    rows = changed_fields({"stage": "none", "rows": 3}, {"stage": "staging", "rows": 3})
    assert rows.to_dict("records") == [{"Field": "Stage", "Before": "none", "After": "staging"}]


def test_markdown_in_what_people_wrote_is_shown_as_it_is():
    assert literal("a_b*[c](d)") == r"a\_b\*\[c\]\(d\)"


def test_routine_is_left_out_until_it_is_switched_on(visit, busy):
    with busy.store.write() as session:
        record(session, busy.store.acting_as("monitor"), "evaluated", "window", "w1")
    page = visit("activity")
    assert "w1" not in list(page.dataframe[0].value["name"])
    page.toggle(key="activity_routine").set_value(True).run()
    assert "w1" in list(page.dataframe[0].value["name"])


def test_a_search_that_only_routine_matches_says_that_it_is_hidden(visit, busy):
    with busy.store.write() as session:
        record(session, busy.store.acting_as("monitor"), "evaluated", "window", "w1")
    page = visit("activity", activity_q="w1")
    assert "Routine entries are hidden" in shown(page)


def test_days_are_chosen_from_a_calendar(visit, busy, clock):
    clock.advance(timedelta(hours=24))
    with busy.store.write() as session:
        record(session, busy.store, "archived", "version", "late@1")
    page = visit("activity")
    page.selectbox(key="activity_span").select("days").run()
    day = clock.now().date()
    page.date_input(key="activity_days").set_value((day, day)).run()
    assert not page.exception
    assert list(page.dataframe[0].value["verb"]) == ["Archived"]
