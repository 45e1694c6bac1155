"""Needs a person: the page, dismissing and putting back, and the lines on Home."""

from __future__ import annotations

import pytest

from pilothouse.activity.actors import MONITOR
from pilothouse.monitoring.tables import Alert
from pilothouse_app.components.table import table_key


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def ids_of(workspace) -> list[str]:
    return [item.id for item in workspace.attention.items()]


@pytest.fixture
def waiting(served):
    """A firing alert, a pending promotion and a failed job."""
    served.registry.propose("late", 2, "staging", "to be looked at")
    job = served.jobs.submit("train", {"spec": {}}, title="Train a forest")
    from pilothouse.jobs.tables import Job

    with served.store.write() as session:
        row = session.get_one(Job, job)
        row.status, row.error, row.ended_at = "failed", "no such column", served.store.now()
    return served


def tick(page, workspace, rows: list[int]):
    key = table_key("attention", ids_of(workspace))
    page.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return page.run().run()  # the browser runs the callback of the tick before the page


def test_everything_that_waits_is_listed(tour, waiting):
    page = tour("attention")
    assert not page.exception
    rows = page.dataframe[0].value
    assert set(rows["kind"]) == {"Promotion", "Alert", "Job"}
    assert "no such column" in set(rows["message"])
    assert page.button(key="dismiss").disabled


def test_an_empty_list_says_that_all_is_clear(visit):
    page = visit("attention")
    assert not page.exception
    assert "All clear" in shown(page)


def test_a_kind_in_the_address_filters(tour, waiting):
    page = tour("attention", attention_kind="Job")
    assert list(page.dataframe[0].value["title"]) == ["Train a forest"]


def test_a_ticked_row_is_dismissed_with_a_reason_and_put_back(tour, waiting):
    before = ids_of(waiting)
    page = tick(tour("attention"), waiting, [0])
    assert page.button(key="dismiss").label == "Dismiss (1)"
    waiting.attention.dismiss([before[0]], "seen")
    page = tour("attention", attention_view="Dismissed")
    rows = page.dataframe[0].value
    assert list(rows["reason"]) == ["seen"]
    assert list(rows["by"]) == ["ada"]
    key = table_key("attention", [before[0]])
    page.session_state[key] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run().run().button(key="put_back").click().run()
    assert not page.exception
    assert ids_of(waiting) == before


def test_an_alert_that_cleared_by_itself_stays_and_one_resolved_by_hand_goes(waiting):
    def resolve(by: str) -> None:
        with waiting.store.write() as session:
            alert = session.get_one(Alert, waiting.monitoring.alerts()["id"].iloc[0])
            alert.state, alert.resolved_by = "resolved", by

    def states() -> list[str]:
        return [item.state for item in waiting.attention.items() if item.kind == "alert"]

    assert states() == ["firing"]
    resolve(MONITOR)
    assert states() == ["resolved"]
    resolve("ada")
    assert states() == []


def test_a_pending_promotion_leaves_when_it_is_decided(waiting):
    (item,) = [item for item in waiting.attention.items() if item.kind == "promotion"]
    waiting.registry.decide(item.ref, False, "not yet")
    assert "promotion" not in {item.kind for item in waiting.attention.items()}


def test_home_dismisses_a_line_at_once(tour, waiting):
    page = tour("")
    assert not page.exception
    buttons = [button for button in page.button if str(button.key).startswith("dismiss_")]
    assert len(buttons) == 3
    buttons[0].click().run()
    assert len(waiting.attention.items()) == 2
    assert len(waiting.attention.items(dismissed=True)) == 1
