"""The quality checks of a dataset on its page: empty, measured, held back, added, released."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.workspace import Workspace


@pytest.fixture
def sales(workspace: Workspace) -> str:
    frame = pd.DataFrame({"id": range(30), "town": ["Bonn", "Cork", None] * 10})
    return workspace.data.register("sales", frame).ref


def add_dialog() -> None:
    """The dialog of a new check, open at every run."""
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.data.quality_form import add_dialog

    add_dialog(workspace().data.version("sales"))


def text(page) -> str:
    return "\n".join(str(part.value) for part in page.markdown)


def test_without_checks_the_next_step_is_said(visit, sales):
    page = visit("dataset", ref=sales, dataset_view="Quality")
    assert not page.exception
    assert "No quality checks yet" in text(page)
    page = page.button(key="quality_suggest").click().run()
    assert [box.label.partition("  ")[0].replace("\\:", ":") for box in page.checkbox] == [
        "Change of rows: -50 % to 100 %",
        "id: unique",
        "town: at most 55 % missing",
    ]


def test_a_check_is_added_from_the_dialog(visit, workspace, sales):
    visit("dataset", ref=sales, dataset_view="Quality")
    page = AppTest.from_function(add_dialog, default_timeout=30).run()
    page = page.selectbox(key="quality_kind").select("missing_values").run()
    assert not page.exception
    columns = page.selectbox(key="quality_new_missing_values_column")
    assert list(columns.options) == ["id", "town"]
    page = columns.select("town").run()
    page = page.button(key="quality_new_go").click().run()
    assert not page.exception
    (check,) = workspace.data.quality_checks("sales")
    assert (check.title, check.severity) == ("town: at most 0 % missing", "warn")


def test_results_are_drawn_and_a_held_version_can_be_released(visit, workspace, sales):
    workspace.data.add_quality_check("sales", "unique_key", {"columns": ["id"]}, severity="block")
    workspace.data.add_quality_check("sales", "row_count", {"low": 5})
    twice = pd.DataFrame({"id": [0, *range(29)], "town": ["Bonn"] * 30})
    held = workspace.data.register("sales", twice)
    page = visit("dataset", ref=held.ref, dataset_view="Quality")
    assert not page.exception
    assert "Held back by its quality checks" in text(page)
    assert "1 of 2 checks passed" in text(page)
    states = [str(state[0]) for state in page.dataframe[0].value["status"]]
    assert states == ["Failed", "Passed"]
    assert list(page.dataframe[1].value["id"]) == [0, 0]
    page = page.button(key="held_release").click().run()
    assert page.button(key="confirm_go").disabled, "a reason is needed"
    workspace.data.release(held.ref, "a test")
    page = visit("dataset", ref=held.ref)
    assert "Released although quality checks failed" in text(page)
