"""The export of a version: a target, what is not carried over, and a download."""

from __future__ import annotations

import pickle

import pytest
from streamlit.testing.v1 import AppTest

from harness.serving import register
from pilothouse.registry.tables import ModelVersion
from pilothouse.workspace import Workspace


@pytest.fixture
def readable(served: Workspace) -> str:
    """A version whose file can be read, as those of the tour cannot."""
    register(served.store, "late", pickle.dumps({"weights": [1.0]}))
    return f"late@{served.registry.versions('late')['version'].max()}"


def opened(tour, ref: str) -> AppTest:
    page = tour("version", ref=ref)
    reopen(page)
    return page


def reopen(page: AppTest) -> None:
    """Run the page with the dialog: a test runs all of it, where a browser runs the dialog."""
    page.button(key="version_export").click().run()
    assert not page.exception


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in (*page.markdown, *page.caption, *page.error))


def test_what_is_left_out_stands_before_the_download(
    tour, served: Workspace, readable: str
) -> None:
    page = opened(tour, readable)
    assert page.selectbox(key="export_deployment").value in served.deployments.serving("late")
    page.selectbox(key="export_target").select("kubernetes")
    reopen(page)
    assert "Not carried over" in texts(page)
    assert "The prediction log" in texts(page)
    labels = [button.proto.label for button in page.get("download_button")]
    assert "Download" in labels


def test_no_deployment_is_needed(tour, readable: str) -> None:
    page = opened(tour, readable)
    page.selectbox(key="export_deployment").select("")
    reopen(page)
    assert "The prediction log" in texts(page)


def test_a_version_that_cannot_be_served_says_why(tour, served: Workspace) -> None:
    with served.store.write() as session:
        row = session.get(ModelVersion, ("late", 2))
        assert row is not None
        row.signature = {**row.signature, "inputs": []}
        session.add(row)
    page = opened(tour, "late@2")
    assert "does not say its inputs" in texts(page)
    assert page.selectbox(key="export_target").disabled
    labels = [button.proto.label for button in page.get("download_button")]
    assert "Download" not in labels


def test_a_damaged_file_is_said(tour) -> None:
    page = opened(tour, "late@1")
    assert "The pickle is damaged" in texts(page)
    assert page.selectbox(key="export_target").disabled


def test_a_deployment_is_exported_from_its_own_page(tour, served: Workspace) -> None:
    name = served.deployments.serving("late")[-1]
    page = tour("deployment", name=name)
    reopen(page)
    assert page.selectbox(key="export_deployment").value == name
