"""Pipelines and jobs: what runs, what is scheduled, one job with its steps and log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.jobs.tables import Job, JobStep
from pilothouse.pipelines import demos
from pilothouse.workspace import Workspace
from pilothouse_app.features.pipelines.jobs import duration_text


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def buttons(page) -> list[str]:
    return [each.label for each in page.button]


@pytest.fixture
def job(workspace: Workspace) -> str:
    return workspace.jobs.submit(
        "evaluate_windows",
        {"deployment": "late"},
        title="Evaluate late",
        subject=("deployment", "late"),
    )


def change(workspace: Workspace, job: str, **values: object) -> None:
    with workspace.store.write() as session:
        row = session.get(Job, job)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def test_without_jobs_the_demo_is_offered(visit):
    page = visit("pipelines")
    assert not page.exception
    assert "No jobs yet" in shown(page)
    assert buttons(page).count("Run the flights demo") == 2


def test_a_demo_is_chosen_and_its_missing_packages_are_named(visit, workspace, monkeypatch):
    monkeypatch.setattr(demos, "find_spec", lambda name: None if name == "mlflow" else object())
    page = visit("pipelines")
    page.session_state["demo_name"] = "churn"  # a dialog is gone after a run of the whole page
    page.button(key="other_demos").click().run()
    assert not page.exception
    assert demos.demo("churn").description in shown(page)
    (notice,) = (str(info.value) for info in page.info)
    assert "mlflow-skinny is the MLflow client" in notice
    assert "pip install 'pilothouse[demos]'" in notice
    assert page.button(key="demo_go").disabled


def test_jobs_are_listed_with_their_progress(visit, workspace, job):
    change(workspace, job, status="running", progress=0.4, message="week 3")
    rows = visit("pipelines").dataframe[0].value
    assert list(rows["title"]) == ["Evaluate late"]
    assert list(rows["message"]) == ["week 3"]
    assert list(rows["kind"]) == ["Evaluation"]


def test_a_status_in_the_address_filters(visit, workspace, job):
    page = visit("pipelines", pipelines_status="Failed")
    assert "No jobs match" in shown(page)
    assert len(visit("pipelines", pipelines_status="Queued").dataframe[0].value) == 1


def test_schedules_are_listed_and_the_named_one_can_be_paused(visit, workspace):
    workspace.jobs.add_schedule("nightly", "0 6 * * *", "evaluate_windows", {}, title="Evaluate")
    page = visit("pipelines", schedule="nightly")
    assert not page.exception
    assert list(page.dataframe[0].value["cadence"]) == ["Every day at 06:00"]
    assert {"Pause", "Remove"} <= set(buttons(page))


def test_no_schedule_says_what_one_does(visit):
    assert "Nothing is scheduled" in shown(visit("pipelines", pipelines_view="Schedules"))


def test_a_running_job_shows_its_steps_and_can_be_cancelled(visit, workspace, job):
    now = workspace.store.now()
    change(workspace, job, status="running", started_at=now, progress=0.5, message="week 3")
    with workspace.store.write() as session:
        session.add(JobStep(job_id=job, seq=1, name="find windows", status="succeeded",
                            started_at=now, ended_at=now + timedelta(seconds=3)))  # fmt: skip
    page = visit("job", id=job)
    assert not page.exception
    assert list(page.dataframe[0].value["name"]) == ["Find windows"]
    assert list(page.dataframe[0].value["took"]) == ["3.0 s"]
    assert "Cancel job" in buttons(page)
    assert "Retry" not in buttons(page)


def test_a_failed_job_says_why_and_offers_a_retry(visit, workspace, job):
    change(workspace, job, status="failed", error="the disk is full", hint="Free some space.")
    page = visit("job", id=job)
    assert "the disk is full" in page.error[0].value
    assert "Free some space." in page.error[0].value
    assert "Retry" in buttons(page)


@pytest.mark.parametrize("view", ["Timeline", "Details", "Log"])
def test_each_view_of_a_job_is_drawn(visit, workspace, job, view):
    change(workspace, job, status="succeeded", result={"windows": 3})
    page = visit("job", id=job, job_view=view)
    assert not page.exception
    assert not page.error


def test_an_unknown_job_is_said_to_be_unknown(visit):
    assert "no job" in visit("job", id="nothing").error[0].value
    assert "Which job?" in shown(visit("job"))


def test_a_cancel_asks_for_a_reason(visit, workspace, job):
    page = visit("job", id=job)
    page.button(key="job_cancel").click().run()
    assert "stops after the step" in shown(page)
    assert page.button(key="confirm_go").disabled


def test_a_span_without_a_start_is_a_dash():
    assert duration_text(None, None) == "–"  # noqa: RUF001
