"""Pipelines on screen: registered in a form, run with fields, looked at step by step, forked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from harness.jobs import at_once
from pilothouse.jobs.tables import Job
from pilothouse.kit.errors import PilothouseError
from pilothouse.pipelines.workflows.run_pipeline import RunPipelineWorkflow
from pilothouse.workspace import Workspace
from pilothouse_app.charts.step_graph import GraphStep, positions, step_graph
from pilothouse_app.features.pipelines.pipeline_run import differing_parameters

Visit = Callable[..., AppTest]
FILE = """
name: weekly
description: Two commands.
parameters:
  sign: {type: text}
  rounds: {type: integer, default: 2}
  day: {type: date, default: today}
steps:
  - {name: first, uses: command, with: {command: "echo first speaks"}}
  - name: second
    uses: command
    needs: first
    with: {command: 'test -e "$SIGN"', env: {SIGN: "${{ parameters.sign }}"}}
  - {name: third, uses: command, needs: [first, second], with: {command: "echo third"}}
"""


@pytest.fixture
def weekly(workspace: Workspace) -> Workspace:
    workspace.pipelines.register_text(FILE)
    return workspace


def do(workspace: Workspace, run: str) -> None:
    """Do a run in this process; its job ends as the engine would end it."""
    args = workspace.jobs.job(run).args
    try:
        RunPipelineWorkflow.run(at_once(workspace, run), **args)
        status, error = "succeeded", ""
    except PilothouseError as refused:
        status, error = "failed", refused.message
    with workspace.store.write() as session:
        job = session.get(Job, run)
        assert job is not None
        job.status, job.error = status, error
        session.add(job)


def click(page: AppTest, label: str) -> AppTest:
    """The last button of that label: the one in the dialog, when one is open."""
    return [button for button in page.button if button.label == label][-1].click().run()


def dialog(drawn: Callable[[], None]) -> AppTest:
    return AppTest.from_function(drawn, default_timeout=30).run()


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.markdown, *page.error, *page.code))


def add_dialog() -> None:
    """The dialog open at every run, as a browser keeps it open."""
    from pilothouse_app.features.pipelines.pipeline_list import add_pipeline

    add_pipeline()


def run_form() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.pipeline_forms import run_dialog

    run_dialog(workspace().pipelines.pipeline("weekly"))


def schedule_form() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.pipeline_forms import schedule_dialog

    schedule_dialog(workspace().pipelines.pipeline("weekly"))


def export_form() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.pipeline_forms import export_dialog

    export_dialog(workspace().pipelines.pipeline("weekly"))


def backfill_form() -> None:
    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.pipeline_forms import backfill_dialog

    backfill_dialog(workspace().pipelines.pipeline("weekly"))


def test_the_empty_state_begins_with_an_example_that_can_be_registered(
    visit: Visit, workspace: Workspace
) -> None:
    page = visit("pipelines", pipelines_view="Pipelines")
    assert "No pipelines yet" in texts(page)
    page = dialog(add_dialog)
    broken = page.text_area(key="pipeline_text").value
    page.text_area(key="pipeline_text").set_value(broken.replace("uses: command", "uses: comand"))
    click(page, "Register")
    assert "line 11, step rows\\: unknown kind of step 'comand'" in texts(page)
    page.text_area(key="pipeline_text").set_value(broken).run()
    click(page, "Register")
    assert workspace.pipelines.pipelines()["name"].tolist() == ["first-pipeline"]
    page = visit("pipelines", pipelines_view="Pipelines")
    assert page.dataframe[0].value["name"].tolist() == ["first-pipeline"]


def test_the_form_of_a_run_has_a_field_of_each_parameter(
    visit: Visit, weekly: Workspace, tmp_path: Path
) -> None:
    page = visit("pipeline", name="weekly")
    assert "Not run yet" in texts(page)
    page = dialog(run_form)
    run_button = next(b for b in page.button if b.key == "pipeline_run_go")
    assert run_button.disabled
    page.text_input(key="run_parameter_sign").set_value(str(tmp_path)).run()
    page.number_input(key="run_parameter_rounds").set_value(5).run()
    click(page, "Run")
    (run,) = weekly.pipelines.runs("weekly")["run"]
    details = weekly.pipelines.run_details(run)
    assert {**details.parameters, "day": ""} == {"sign": str(tmp_path), "rounds": 5, "day": ""}


def test_a_failed_run_shows_its_step_and_a_fork_begins_there(
    visit: Visit, weekly: Workspace, tmp_path: Path
) -> None:
    run = weekly.pipelines.run("weekly", {"sign": str(tmp_path / "sign")})
    do(weekly, run)
    page = visit("pipeline", name="weekly", run=run)
    assert "the command ended with exit code 1" in texts(page)
    labels = [button.label for button in page.button]
    assert {"Retry", "Fork from second", "Run", "Schedule", "Backfill"} <= set(labels)
    page = visit("pipeline", name="weekly", run=run, pipeline_step="third")
    assert not any("Fork" in button.label for button in page.button)  # second has no result
    fork = weekly.pipelines.fork(run, "second")
    (tmp_path / "sign").touch()
    do(weekly, fork)
    page = visit("pipeline", name="weekly", run=fork, pipeline_step="first")
    assert "Taken from this run" in [button.label for button in page.button]
    page = visit("job", id=fork)
    assert not page.exception


def fork_form() -> None:
    import streamlit as st

    from pilothouse_app.components.workspace import workspace
    from pilothouse_app.features.pipelines.pipeline_run import fork_dialog

    fork_dialog(workspace().pipelines.run_details(st.session_state["run"]), "second")


def test_a_fork_is_of_the_version_that_is_chosen(
    visit: Visit, weekly: Workspace, tmp_path: Path
) -> None:
    run = weekly.pipelines.run("weekly", {"sign": str(tmp_path / "sign")})
    do(weekly, run)
    weekly.pipelines.register_text(FILE.replace("test -e", "echo"))
    weekly.pipelines.register_text(FILE.replace("first speaks", "other").replace("-e", "-n"))
    weekly.pipelines.register_text(FILE.replace("second", "another"))
    page = AppTest.from_function(fork_form, default_timeout=30)
    page.session_state["run"] = run
    page.run()
    box = page.selectbox(key="pipeline_fork_version")
    assert list(box.options) == ["4 (newest)", "3", "2", "1 (of this run)"]
    box.set_value(4).run()
    assert page.button(key="pipeline_fork_it_go").disabled  # it has no such step
    page.selectbox(key="pipeline_fork_version").set_value(3).run()
    page.button(key="pipeline_fork_it_go").click().run()
    assert "second needs first" in page.error[0].value  # which is written otherwise there
    page.selectbox(key="pipeline_fork_version").set_value(2).run()
    page.button(key="pipeline_fork_it_go").click().run()
    assert not page.exception
    runs = weekly.pipelines.runs("weekly")
    assert list(runs[runs["forked_from"] == run]["version"]) == [2]


def test_the_list_of_runs_has_what_differs_between_them() -> None:
    alike = {"dataset": "churn", "trials": 20}
    assert differing_parameters([alike]) == ["dataset churn, trials 20"]
    assert differing_parameters([alike, alike]) == ["", ""]
    other, less = {"dataset": "churn", "trials": 30}, {"dataset": "churn"}
    assert differing_parameters([alike, other, less]) == ["trials 20", "trials 30", ""]


def test_a_schedule_and_a_backfill_are_asked_for_with_parameters(
    visit: Visit, weekly: Workspace
) -> None:
    page = dialog(schedule_form)
    page.text_input(key="schedule_parameter_sign").set_value("a").run()
    click(page, "Add")
    assert weekly.pipelines.pipeline("weekly").schedules == ("Run weekly",)
    page = visit("pipeline", name="weekly")
    remove = next(button for button in page.button if button.label == "Remove")
    assert (remove.disabled, remove.help) == (True, "A schedule runs it")
    page = dialog(backfill_form)
    page.text_input(key="backfill_value_sign").set_value("a").run()
    assert "8 runs" in texts(page)
    click(page, "Backfill")
    assert len(weekly.pipelines.runs("weekly")) == 8


def test_an_export_is_shown_with_its_options(visit: Visit, weekly: Workspace) -> None:
    page = dialog(export_form)
    assert "BashOperator" in page.code[0].value
    page.selectbox(key="export_program").set_value("github_actions").run()
    page.text_input(key="export_github_actions_runner").set_value("ml").run()
    assert "runs-on: ml" in page.code[0].value


def test_the_file_can_be_read_and_changed(visit: Visit, weekly: Workspace) -> None:
    page = visit("pipeline", name="weekly", pipeline_view="File")
    assert page.code[0].value == FILE.strip()
    assert {"Change it", "Export"} <= {button.label for button in page.button}


def test_the_graph_has_a_column_for_each_longest_way() -> None:
    names, edges = ["a", "b", "c", "d"], [("a", "b"), ("a", "c"), ("b", "d"), ("a", "d")]
    where = positions(names, edges)
    assert {name: x for name, (x, _) in where.items()} == {"a": 0, "b": 1, "c": 1, "d": 2}
    assert where["b"][1] > where["c"][1]
    steps = [GraphStep(name, "<b>note</b>", "failed") for name in names]
    drawn = step_graph(steps, edges, chosen="b", dark=True)
    # The way from a to d over b says what the edge from a to d says.
    assert len(drawn.layout.annotations) == 3
    assert [shape.type for shape in drawn.layout.shapes] == ["line"] * 3 + ["rect"] * 8
    assert "&lt;b&gt;" in drawn.data[0].text[0]
    # A click anywhere near a name chooses its step, and changes nothing else in the graph.
    assert (drawn.data[0].mode, drawn.layout.clickmode) == ("markers+text", "event+select")
