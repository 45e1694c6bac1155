"""The dialog of the retention of versions: nothing to do, what goes, and the job that it starts."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.workspace import Workspace


def dialog() -> None:
    """The dialog, open at every run."""
    from pilothouse_app.features.data.retention import retention_dialog

    retention_dialog("sales")


@pytest.fixture
def sales(workspace: Workspace) -> Workspace:
    for rows in range(3, 6):
        workspace.data.register("sales", pd.DataFrame({"x": ["a"] * rows}))
    return workspace


def test_by_the_limits_that_are_set_at_first_nothing_goes(visit, sales):
    visit("data")
    page = AppTest.from_function(dialog, default_timeout=30).run()
    assert not page.exception
    assert "No version is too old" in "\n".join(str(part.value) for part in page.markdown)
    assert page.button(key="retention_go").disabled


def test_what_goes_is_shown_and_deleted_by_a_job(visit, sales):
    visit("data")
    page = AppTest.from_function(dialog, default_timeout=30).run()
    page.number_input(key="retention_versions").set_value(1)
    page = page.number_input(key="retention_days").set_value(0).run()
    assert not page.exception
    assert page.dataframe[0].value["ref"].tolist() == ["sales@1", "sales@2"]
    assert page.button(key="retention_go").disabled
    page = page.text_input(key="retention_reason").input("too old").run()
    page.button(key="retention_go").click().run()
    jobs = sales.jobs.jobs()
    assert jobs["title"].tolist() == ["Clean up sales"]
