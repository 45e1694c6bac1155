"""Importing: a dialog that looks first, and the job's page with what came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from harness import event_files
from pilothouse.interop.importing.importer import import_job
from pilothouse.jobs import Progress
from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace

RUN = "a" * 32


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A file store with one run, of which something is broken."""
    run = tmp_path / "mlruns" / "1" / RUN
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text(f"run_id: '{RUN}'\nrun_name: first\nstatus: 3\n")
    (run / "metrics" / "loss").write_text("nonsense\n1 0.5 0\n")
    (run.parent / "meta.yaml").write_text("experiment_id: '1'\nname: exp\n")
    return tmp_path / "mlruns"


def button_page() -> None:
    from pilothouse_app.features.experiments.import_dialog import import_button

    import_button()


def dialog_page() -> None:
    from pilothouse_app.features.experiments import import_dialog

    import_dialog._import()


@pytest.fixture
def drawn(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draw a page of one part over the test's workspace."""
    monkeypatch.setattr("pilothouse_app.components.workspace.opened", lambda _path: workspace)
    return lambda page: AppTest.from_function(page, default_timeout=30).run()


def text_of(page: Any) -> str:
    return "\n".join(str(each.value) for each in (*page.markdown, *page.error))


def test_the_button_opens_the_dialog(drawn: Any) -> None:
    page = drawn(button_page)
    assert not page.exception
    page.button(key="import").click().run()
    assert not page.exception
    assert page.text_input(key="import_source").value == ""
    assert page.button(key="import_go").disabled
    assert page.button(key="import_look_go").disabled


def test_it_looks_before_it_starts(drawn: Any, workspace: Workspace, mlruns: Path) -> None:
    page = drawn(dialog_page)
    page.text_input(key="import_source").set_value(str(mlruns)).run()
    page.button(key="import_look_go").click().run()
    assert not page.exception
    found = page.dataframe[0].value
    assert (list(found["name"]), list(found["runs"]), list(found["state"])) == (
        ["exp"],
        [1],
        ["active"],
    )
    assert "a folder" in text_of(page)
    assert workspace.experiments.count() == 0
    assert page.multiselect(key="import_experiments").options == ["exp"]
    assert not page.button(key="import_go").disabled
    page.text_input(key="import_source").set_value("/elsewhere").run()
    assert page.button(key="import_go").disabled, "another source was not looked at"


def test_another_tracker_is_recognised_or_chosen(
    drawn: Any, workspace: Workspace, tmp_path: Path, mlruns: Path
) -> None:
    event_files.write(tmp_path / "logs", [event_files.event(0, event_files.scalar("x", 1.0))])
    page = drawn(dialog_page)
    page.text_input(key="import_source").set_value(str(tmp_path)).run()
    page.button(key="import_look_go").click().run()
    assert "holds what MLflow and TensorBoard wrote" in text_of(page)
    page.selectbox(key="import_tracker").set_value("tensorboard").run()
    page.button(key="import_look_go").click().run()
    assert "TensorBoard: a folder, event files" in text_of(page)
    page.button(key="import_go").click().run()
    [job] = workspace.jobs.active()
    assert (job.args["source"], job.args["tracker"]) == (str(tmp_path), "tensorboard")


def test_starting_makes_a_job(drawn: Any, workspace: Workspace, mlruns: Path) -> None:
    page = drawn(dialog_page)
    page.text_input(key="import_source").set_value(str(mlruns)).run()
    page.button(key="import_look_go").click().run()
    page.text_input(key="import_into").set_value("old").run()
    page.multiselect(key="import_experiments").select("exp").run()
    page.button(key="import_go").click().run()
    [job] = workspace.jobs.active()
    assert job.kind == "import_history"
    assert job.args == {
        "source": str(mlruns),
        "experiments": ["exp"],
        "into": "old",
        "tracker": "",
        "artifacts": "",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/nowhere/mlruns", "nothing at"),
        ("ftp://x", "nothing that can be read"),
        ("http://127.0.0.1:9", "cannot be reached"),
        ("https://eve:hunter2@x", "may hold no password"),
    ],
)
def test_a_source_that_cannot_be_read_is_said_in_the_dialog(
    drawn: Any, source: str, words: str
) -> None:
    page = drawn(dialog_page)
    page.text_input(key="import_source").set_value(source).run()
    page.button(key="import_look_go").click().run()
    assert not page.exception
    assert words in text_of(page)
    assert page.button(key="import_go").disabled


def test_a_store_without_experiments_says_so(
    drawn: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, mlruns: Path
) -> None:
    look = workspace.imports.preview(str(mlruns)).to_json() | {"experiments": []}
    page = drawn(dialog_page)
    page.text_input(key="import_source").set_value(str(mlruns))
    page.session_state["import_look"] = (str(mlruns), "", look)
    page.run()
    assert "The source has no experiments" in text_of(page)


def ended(workspace: Workspace, source: Path) -> str:
    """An import that the worker has done."""
    job = workspace.imports.start(str(source))
    result = import_job(workspace.store, Progress(workspace.store, job), source=str(source))
    with workspace.store.write() as session:
        row = session.get(Job, job)
        assert row is not None
        row.status, row.result, row.ended_at = "succeeded", result, workspace.store.now()
    return job


def test_the_job_shows_what_came_and_what_did_not(
    visit: Any, workspace: Workspace, mlruns: Path
) -> None:
    page = visit("job", id=ended(workspace, mlruns))
    assert not page.exception
    assert "1 experiment, 1 run, 1 point" in text_of(page)
    lines = page.dataframe[-1].value
    assert list(lines["why"]) == ["lines that are no points: 1"]
    assert list(lines["outcome"]) == [["Broken"]]


def test_a_second_import_says_that_all_is_here(
    visit: Any, workspace: Workspace, mlruns: Path
) -> None:
    (mlruns / "1" / RUN / "metrics" / "loss").write_text("1 0.5 0\n")
    ended(workspace, mlruns)
    page = visit("job", id=ended(workspace, mlruns))
    assert "Already imported" in text_of(page)
    assert "Everything was imported unchanged" in text_of(page)


def test_before_it_has_ended_the_log_is_shown(
    visit: Any, workspace: Workspace, mlruns: Path
) -> None:
    page = visit("job", id=workspace.imports.start(str(mlruns)))
    assert not page.exception
    assert ":gray[Imported]" not in text_of(page)
