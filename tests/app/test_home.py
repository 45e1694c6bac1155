"""Home: a new workspace, one with runs, and one where a job runs."""

from __future__ import annotations

import pytest

from pilothouse.jobs.tables import Job
from pilothouse.workspace import Workspace


@pytest.fixture
def begun(workspace: Workspace) -> Workspace:
    run = workspace.experiments.start("late", "calm-heron-1", trainer="random_forest")
    workspace.experiments.log_metrics(run, {"roc_auc": 0.7})
    workspace.experiments.finish(run)
    return workspace


def shown(page) -> str:
    return "\n".join(str(each.value) for each in page.markdown)


def test_a_new_workspace_offers_the_demo_and_data(visit):
    page = visit("")
    assert not page.exception
    assert "Welcome to Pilothouse" in shown(page)
    assert page.button(key="start_demo")


def test_figures_are_said_even_when_nothing_is_deployed(visit, begun):
    page = visit("")
    assert not page.exception
    labels = [metric.label for metric in page.metric]
    assert labels[0] == "In production"
    assert "Waiting for a decision" in labels
    assert "All clear" in shown(page)
    assert list(page.dataframe[0].value["name"]) == ["calm-heron-1"]


def test_what_runs_is_shown_with_its_progress(visit, begun):
    begun.jobs.submit("train", {"spec": {}}, title="Train a forest")
    page = visit("")
    assert not page.exception
    assert "Waiting for the worker" in page.get("progress")[0].proto.text


def test_a_failed_job_needs_a_person(visit, begun):
    job = begun.jobs.submit("train", {"spec": {}}, title="Train a forest")
    with begun.store.write() as session:
        row = session.get(Job, job)
        row.status, row.error, row.ended_at = "failed", "out of memory", begun.store.now()
        session.add(row)
    page = visit("")
    assert not page.exception
    assert "All clear" not in shown(page)
    assert "Failed" in shown(page)
    assert [button.help for button in page.button if button.help.startswith("Dismiss")] == [
        "Dismiss: Train a forest. It stays under Needs a person, Dismissed."
    ]


def test_a_cancelled_job_needs_nobody(visit, begun):
    job = begun.jobs.submit("train", {"spec": {}}, title="Train a forest")
    begun.jobs.cancel(job)
    assert "All clear" in shown(visit(""))
