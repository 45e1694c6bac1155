"""Asking for a job: it belongs to the transaction of the command that asks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pilothouse.jobs import submit
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Conflict, Invalid, NotFound
from pilothouse.workspace import Workspace


def test_a_job_is_asked_for_in_the_transaction_of_its_command(workspace: Workspace) -> None:
    store = workspace.store

    def ask_and_fail() -> None:
        with store.write() as session:
            submit(session, store, "train", {}, title="Lost")
            raise RuntimeError("the command fails")

    with pytest.raises(RuntimeError):
        ask_and_fail()
    assert workspace.jobs.count() == 0
    assert workspace.activity.count() == 0
    with store.write() as session:
        job_id = submit(session, store, "train", {"n": 1}, title="Kept", subject=("run", "r1"))
    job = workspace.jobs.job(job_id)
    assert (job.status, job.args, job.requested_by) == ("queued", {"n": 1}, "ada")
    assert (job.subject_kind, job.subject_ref) == ("run", "r1")
    assert list(workspace.activity.entries(kind="job", ref=job_id)["verb"]) == ["submitted"]


def test_the_same_job_id_asks_once(workspace: Workspace) -> None:
    first = workspace.jobs.submit("train", {"n": 1}, title="Once", job_id="alert-1")
    again = workspace.jobs.submit("train", {"n": 2}, title="Twice", job_id="alert-1")
    assert first == again == "alert-1"
    assert workspace.jobs.count() == 1
    assert workspace.jobs.job("alert-1").args == {"n": 1}


def test_a_waiting_job_is_cancelled_at_once(workspace: Workspace) -> None:
    job_id = workspace.jobs.submit("train", {}, title="Train")
    workspace.jobs.cancel(job_id, "wrong data")
    job = workspace.jobs.job(job_id)
    assert (job.status, job.ended) == ("cancelled", True)
    assert job.ended_at == workspace.store.now()
    with pytest.raises(Conflict, match="ended already: cancelled"):
        workspace.jobs.cancel(job_id)
    newest = workspace.activity.entries(verb="cancelled").iloc[0]
    assert newest["reason"] == "wrong data"


def test_only_a_job_that_failed_or_was_cancelled_is_retried(workspace: Workspace) -> None:
    job_id = workspace.jobs.submit("train", {"n": 1}, title="Train", subject=("run", "r1"))
    with pytest.raises(Conflict, match="queued"):
        workspace.jobs.retry(job_id)
    workspace.jobs.cancel(job_id)
    again = workspace.jobs.job(workspace.jobs.retry(job_id, "now it works"))
    assert (again.retry_of, again.args, again.subject_ref) == (job_id, {"n": 1}, "r1")


def test_jobs_are_listed_newest_first_and_by_page(workspace: Workspace, clock: FixedClock) -> None:
    for number in range(5):
        workspace.jobs.submit("train" if number % 2 else "report", {}, title=f"Job {number}")
        clock.advance(timedelta(minutes=1))
    assert list(workspace.jobs.jobs(size=2, page=2)["title"]) == ["Job 2", "Job 1"]
    assert list(workspace.jobs.jobs(kind="train")["title"]) == ["Job 3", "Job 1"]
    assert (workspace.jobs.count(kind="train"), workspace.jobs.count(status="queued")) == (2, 5)
    assert workspace.jobs.active()[0].title == "Job 0"


def test_a_job_that_does_not_exist_is_not_found(workspace: Workspace) -> None:
    for ask in (workspace.jobs.job, workspace.jobs.cancel, workspace.jobs.retry):
        with pytest.raises(NotFound, match="no job 'nowhere'"):
            ask("nowhere")
    assert workspace.jobs.steps("nowhere") == []


def test_a_log_is_empty_until_the_job_writes_and_a_path_is_no_job_id(workspace: Workspace) -> None:
    assert workspace.jobs.log("a1") == ""
    for path in ("../secrets", "", "a/b", "a.b"):
        with pytest.raises(Invalid, match="not a job id"):
            workspace.jobs.log(path)
