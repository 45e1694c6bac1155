"""A job whose log cannot be written is done all the same, and its end ends its steps."""

from __future__ import annotations

import logging

import pytest

from pilothouse.jobs.engine import _end
from pilothouse.jobs.logs import log_to_file, read_log
from pilothouse.jobs.tables import CANCELLED, RUNNING, Job, JobStep
from pilothouse.storage import Store
from pilothouse.workspace import Workspace


def test_a_job_goes_on_without_a_log(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    (store.log_folder / "jobs").write_text("in the way")
    with log_to_file(store, "abc"):
        logging.getLogger("work").info("under way")
    assert "the job abc has no log" in caplog.text
    (store.log_folder / "jobs").unlink()
    with log_to_file(store, "abc"):
        logging.getLogger("work").info("under way again")
    assert "under way again" in read_log(store, "abc")


def test_a_step_that_a_killed_worker_left_ends_with_its_job(workspace: Workspace) -> None:
    store = workspace.store
    job = workspace.jobs.submit("train", {}, title="Train")
    with store.write() as session:
        session.get_one(Job, job).status = RUNNING
        session.add(
            JobStep(job_id=job, seq=1, name="train", status=RUNNING, started_at=store.now())
        )
    _end(store, job, CANCELLED, message="cancelled")
    [step] = workspace.jobs.steps(job)
    assert (step.status, step.ended_at) == (CANCELLED, store.now())
