"""What is asked in vain is refused at once, and what stops half way leaves nothing open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pilothouse.deployments import Deployments
from pilothouse.jobs import JobContext
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.errors import Cancelled, NotFound, PilothouseError, Unavailable
from pilothouse.pipelines.retraining import _end
from pilothouse.pipelines.workflows.retrain import RetrainWorkflow
from pilothouse.pipelines.workflows.train import TrainWorkflow
from pilothouse.workspace import Workspace

JOB = "a-job"


def test_nobody_retrains_or_evaluates_what_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no deployment 'none'"):
        workspace.pipelines.retrain("none", "why not")
    with pytest.raises(NotFound, match="no deployment 'none'"):
        workspace.pipelines.evaluate("none")
    assert workspace.jobs.count() == 0


@pytest.mark.parametrize(
    ("stop", "status", "message"),
    [
        (Unavailable("its child died."), "failed", "its child died."),
        (Cancelled(""), "cancelled", ""),
    ],
)
def test_runs_of_a_training_that_was_killed_say_so(
    workspace: Workspace, stop: PilothouseError, status: str, message: str
) -> None:
    experiments = workspace.experiments
    parent = experiments.start("flights", job_id=JOB)
    done = experiments.start("flights", job_id=JOB, parent=parent)
    experiments.finish(done)
    trial = experiments.start("flights", job_id=JOB, parent=parent)
    other = experiments.start("flights", job_id="another")

    def killed(*_: Any) -> Any:
        raise stop

    def at_once(_: str, act: Callable[[], Any]) -> Any:
        return act()

    with pytest.raises(type(stop)):
        TrainWorkflow.run(JobContext(workspace.store, JOB, at_once, killed), spec={})
    runs = {run: experiments.run(run) for run in (parent, done, trial, other)}
    assert [runs[run].status for run in runs] == [status, "finished", status, "running"]
    assert runs[trial].error == message


@pytest.mark.parametrize(
    ("days", "labelled", "expected"),
    [
        ([-3, -2, -1], [0, 1], -2),  # the newest that has a label
        ([-3, -2, 400], [0, 1, 2], -2),  # a wrong date in the future is none
        ([], [], 0),
        ([-3], [], 0),
    ],
)
def test_the_window_ends_with_the_newest_labelled_event(
    workspace: Workspace,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    days: list[int],
    labelled: list[int],
    expected: int,
) -> None:
    ids = [str(number) for number in range(len(days))]
    events = pd.to_datetime([clock.now() + timedelta(days=day) for day in days], utc=True)
    log = pd.DataFrame({"prediction_id": pd.Series(ids, dtype=object), "event_at": events})
    monkeypatch.setattr(Deployments, "predictions", lambda *_, **__: log)
    labels = pd.DataFrame({"prediction_id": pd.Series([ids[i] for i in labelled], dtype=object)})
    end = _end(workspace.store, "late", labels)
    assert abs(end - clock.now() - timedelta(days=expected)) < timedelta(seconds=1)
    assert end > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_retraining_cancelled_between_two_workers_ends_its_run(workspace: Workspace) -> None:
    """The second worker stops at the first step, before it comes to the training again."""
    run = workspace.experiments.start("flights", job_id=JOB)

    def cancelled(*_: Any) -> Any:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        RetrainWorkflow.run(
            JobContext(workspace.store, JOB, cancelled, cancelled), deployment="late"
        )
    assert workspace.experiments.run(run).status == "cancelled"
