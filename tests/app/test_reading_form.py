"""The preview in the dialog of a registration, and how a version was read on its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.workspace import Workspace

CONTENT = b"n;opened;late\n1,5;03/04/2024;yes\n2,5;05/06/2024;no\n"


def form() -> None:
    """The form alone, for the path that the test sets."""
    import streamlit as st

    from pilothouse_app.features.data.reading_options import reading_form

    choice = reading_form(st.session_state["_test_path"], "", "file")
    st.json(
        {
            "types": choice.types,
            "options": choice.options.to_json(),
            "event_time": choice.event_time,
            "missing": choice.missing,
        }
    )


@pytest.fixture
def page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AppTest:
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: workspace)
    path = tmp_path / "sales.csv"
    path.write_bytes(CONTENT)
    page = AppTest.from_function(form, default_timeout=60)
    page.session_state["_test_path"] = str(path)
    return page.run()


def test_an_order_of_dates_is_asked_for_and_chosen(page: AppTest) -> None:
    import json

    assert not page.exception
    assert "separated by semicolon" in page.markdown[0].value
    assert "date_order" in page.warning[0].value or "order" in page.warning[0].value
    assert "opened" in json.loads(page.json[0].value)["missing"]
    page.selectbox(key="data_date_order").set_value("day-first").run()
    assert not page.exception
    chosen: dict[str, Any] = json.loads(page.json[0].value)
    assert (chosen["missing"], chosen["options"]) == ("", {"date_order": "day-first"})
    assert page.selectbox(key="data_event_time_file").options[1] == "None"


def test_how_a_version_was_read_is_on_its_page(visit: Any, workspace: Workspace) -> None:
    from pilothouse.data import ReadOptions

    version = workspace.data.register(
        "sales", CONTENT, options=ReadOptions(date_order="month-first")
    )
    page = visit("dataset", ref=version.ref, dataset_view="Reading")
    assert not page.exception
    assert any("separated by semicolon" in text.value for text in page.markdown)


def test_first_values_are_written_as_people_write_them() -> None:
    from pilothouse.data.reading.preview import preview
    from pilothouse_app.features.data.reading_options import _examples

    content = b"age,day,at\n11,2024-08-15,2024-08-15 10:30:00\n,2024-11-05,2024-11-05 00:00:00\n"
    read = preview(content, "people.csv")
    shown = {
        column.name: _examples(read.frame[column.name], column.type)
        for column in read.report.columns
    }
    assert shown["age"] == "11"
    assert shown["day"] == "2024-08-15, 2024-11-05"
    assert shown["at"] == "2024-08-15 10:30:00, 2024-11-05"
