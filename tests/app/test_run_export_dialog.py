"""Exporting runs: a format, what it has no place for, and a download or a job."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pilothouse.interop.run_exports.export_job import export_job
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace
from pilothouse_app.features.experiments import export_dialog


def form_page() -> None:
    import streamlit as st

    from pilothouse_app.features.experiments.export_dialog import export_form

    export_form(st.session_state["runs"], st.session_state.get("experiments", []))


def report_page() -> None:
    import streamlit as st

    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.experiments.export_dialog import run_export_report

    run_export_report(workspace().jobs.job(st.session_state["job"]))


@pytest.fixture
def drawn(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draw a page of one part over the test's workspace."""
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: workspace)

    def draw(page: Any, **state: Any) -> AppTest:
        test = AppTest.from_function(page, default_timeout=30)
        for name, value in state.items():
            test.session_state[name] = value
        return test.run()

    return draw


def text_of(page: AppTest) -> str:
    assert not page.exception
    return "\n".join(str(each.value) for each in (*page.markdown, *page.error))


def labels(page: AppTest) -> list[str]:
    return [button.proto.label for button in page.get("download_button")]


@pytest.fixture
def run(workspace: Workspace) -> str:
    number = workspace.experiments.start("search", "first")
    workspace.experiments.log_metrics(number, {"loss": 0.5})
    workspace.experiments.log_artifact(number, "model.bin", b"bytes")
    return number


def test_what_is_left_out_stands_before_the_download(drawn: Any, run: str) -> None:
    page = drawn(form_page, runs=[run])
    assert "1 run, 1 point" in text_of(page)
    assert "The bytes of files" in text_of(page)
    assert labels(page) == ["Download"]
    page.segmented_control(key="export_runs_format").set_value("mlflow").run()
    assert "in milliseconds" in text_of(page)
    assert "The bytes of files" not in text_of(page)


def test_nothing_is_offered_without_runs(drawn: Any, workspace: Workspace) -> None:
    page = drawn(form_page, runs=[])
    assert "Choose runs or an experiment" in text_of(page)
    workspace.experiments.create("empty")
    page = drawn(form_page, runs=[], experiments=["empty"])
    assert "no run to export" in text_of(page)
    assert not labels(page)


def test_a_large_export_is_a_job_whose_page_has_the_file(
    drawn: Any, workspace: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_dialog, "AT_ONCE_POINTS", 0)
    page = drawn(form_page, runs=[run])
    assert not labels(page)
    page.button(key="export_runs_start").click().run()
    [job] = workspace.jobs.active()
    assert (job.kind, job.args["runs"]) == (export_dialog.KIND, [run])
    assert "The file is there when it has ended" in text_of(drawn(report_page, job=job.id))
    result = export_job(workspace.store, Progress(workspace.store, None), name=job.id, **job.args)
    with workspace.store.write() as session:
        row = session.get_one(Job, job.id)
        row.result, row.status = result, "succeeded"
    page = drawn(report_page, job=job.id)
    assert result["sha256"] in text_of(page)
    assert labels(page) == ["Download"]


def test_the_menu_of_the_run_table_opens_it(visit: Any, workspace: Workspace, run: str) -> None:
    page = visit("experiments")
    assert not page.exception
    menu = next(each for each in page.get("menu_button") if each.proto.id.endswith("runs_actions"))
    assert any("Export" in option for option in menu.proto.options)
