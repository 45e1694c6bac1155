"""The engine in a worker of its own: steps done once, whatever happens to the worker."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from harness.engine_worker import engine_worker
from pilothouse.jobs import JobInfo
from pilothouse.jobs.tables import JobSchedule
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

VOYAGE = Path(__file__).parent / "voyage.py"
PATIENCE_S = 60


def worker(folder: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A worker that knows the workflows of these tests."""
    return engine_worker(folder, VOYAGE)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.05)


def ended(workspace: Workspace, job_id: str) -> JobInfo:
    until(lambda: workspace.jobs.job(job_id).ended)
    return workspace.jobs.job(job_id)


def trace(workspace: Workspace, name: str) -> list[str]:
    path = workspace.folder / "traces" / name
    return path.read_text().split() if path.exists() else []


def give_sign(workspace: Workspace, name: str) -> None:
    (workspace.folder / "signs").mkdir(exist_ok=True)
    (workspace.folder / "signs" / name).touch()


def opened(folder: Path) -> Workspace:
    return open_workspace(settings=Settings(workspace=folder, actor="ada"))


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with a worker that serves every test of this module."""
    workspace = opened(tmp_path_factory.mktemp("sea"))
    with worker(workspace.folder):
        yield workspace
    workspace.store.engine.dispose()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace whose worker the test starts and kills."""
    workspace = opened(tmp_path)
    yield workspace
    workspace.store.engine.dispose()


def test_a_job_does_its_steps_in_order_and_keeps_its_result(sea: Workspace) -> None:
    job_id = sea.jobs.submit("steps", {"trace": "a", "labels": ["one", "two"]}, title="Count")
    job = ended(sea, job_id)
    assert (job.status, job.progress, job.error) == ("succeeded", 1.0, "")
    assert job.result == {"labels": ["one", "two"]}
    assert job.started_at is not None
    assert job.created_at <= job.started_at
    assert [(s.name, s.status, s.attempts) for s in sea.jobs.steps(job_id)] == [
        ("one", "succeeded", 1),
        ("two", "succeeded", 1),
    ]
    assert trace(sea, "a") == ["one", "two"]


def test_a_child_computes_reports_and_writes_to_the_log_of_its_job(sea: Workspace) -> None:
    job_id = sea.jobs.submit("child", {"number": 7}, title="Square")
    job = ended(sea, job_id)
    assert job.result is not None
    assert job.result["square"] == 49
    assert job.result["pid"] != job.result["parent"]
    assert (job.progress, job.message) == (1.0, "")
    log = sea.jobs.log(job_id)
    assert "squaring 7 in a child" in log
    assert log.index("step square") < log.index("squaring 7") < log.index("child ended well")


def test_the_log_of_a_job_holds_nothing_of_another(sea: Workspace) -> None:
    args = {"trace": "log", "labels": ["mine"]}
    own, other = (sea.jobs.submit("steps", args, title="Log") for _ in range(2))
    ended(sea, own)
    ended(sea, other)
    assert sea.jobs.log(own).count("step mine") == 1


def test_an_error_of_a_child_comes_through_with_its_hint(sea: Workspace) -> None:
    job_id = sea.jobs.submit("target", {"name": "refuse", "args": {}}, title="Refuse")
    job = ended(sea, job_id)
    assert (job.status, job.error, job.hint) == ("failed", "the sea is too rough.", "Wait a day.")
    assert job.remedy == {"kind": "wait", "days": 1}
    assert [step.status for step in sea.jobs.steps(job_id)] == ["failed"]


def test_a_child_that_dies_twice_is_unavailable(sea: Workspace) -> None:
    args = {"name": "die", "args": {"trace": "dead"}}
    job = ended(sea, sea.jobs.submit("target", args, title="Die"))
    assert job.status == "failed"
    assert "died 2 times" in job.error
    assert "memory" in job.hint
    assert trace(sea, "dead") == ["dying", "dying"]


def test_a_child_that_dies_takes_no_other_with_it(sea: Workspace) -> None:
    quiet = {"name": "tick_on", "args": {"trace": "quiet", "sign": "calm"}}
    beside = sea.jobs.submit("target", quiet, title="Tick")
    until(lambda: trace(sea, "quiet") == ["ticking"])
    args = {"name": "die", "args": {"trace": "dead beside"}}
    assert ended(sea, sea.jobs.submit("target", args, title="Die")).status == "failed"
    give_sign(sea, "calm")
    assert ended(sea, beside).status == "succeeded"
    assert trace(sea, "quiet") == ["ticking"]


def test_a_running_child_learns_that_its_job_was_cancelled(sea: Workspace) -> None:
    args = {"name": "tick_on", "args": {"trace": "ticking"}}
    job_id = sea.jobs.submit("target", args, title="Tick")
    until(lambda: sea.jobs.job(job_id).message == "tick")
    assert sea.jobs.job(job_id).progress == 0.5
    sea.jobs.cancel(job_id, "enough")
    job = ended(sea, job_id)
    assert (job.status, job.cancel_requested) == ("cancelled", True)
    assert [step.status for step in sea.jobs.steps(job_id)] == ["cancelled"]


def test_a_running_job_stops_before_its_next_step(sea: Workspace) -> None:
    job_id = sea.jobs.submit("steps", {"trace": "stop", "labels": ["wait-1", "b"]}, title="Stop")
    until(lambda: trace(sea, "stop") == ["wait-1"])
    sea.jobs.cancel(job_id)
    give_sign(sea, "wait-1")
    assert ended(sea, job_id).status == "cancelled"
    assert trace(sea, "stop") == ["wait-1"]


def test_a_retry_continues_at_the_step_that_failed(sea: Workspace) -> None:
    first = sea.jobs.submit("stumble", {"trace": "retry", "sign": "chart"}, title="Stumble")
    assert (ended(sea, first).error, sea.jobs.job(first).hint) == (
        "there is no chart.",
        "Put it there.",
    )
    give_sign(sea, "chart")
    second = sea.jobs.retry(first, "the chart is there")
    job = ended(sea, second)
    assert (job.status, job.retry_of) == ("succeeded", first)
    assert job.result == {"labels": ["first", "chart", "third"]}
    assert trace(sea, "retry") == ["first", "try-chart", "try-chart", "third"]
    assert [step.name for step in sea.jobs.steps(second)] == ["first", "second", "third"]


def test_a_retry_of_a_job_that_was_cancelled_between_steps_goes_on(sea: Workspace) -> None:
    first = sea.jobs.submit("steps", {"trace": "on", "labels": ["wait-2", "b"]}, title="Go on")
    until(lambda: trace(sea, "on") == ["wait-2"])
    sea.jobs.cancel(first)
    give_sign(sea, "wait-2")
    ended(sea, first)
    second = ended(sea, sea.jobs.retry(first))
    assert second.result == {"labels": ["wait-2", "b"]}
    assert trace(sea, "on") == ["wait-2", "b"]


def test_an_unknown_kind_fails_and_says_which_are_known(sea: Workspace) -> None:
    job = ended(sea, sea.jobs.submit("wander", {}, title="Wander"))
    assert job.status == "failed"
    assert "wander" in job.error


def test_a_result_that_cannot_be_written_fails_the_job(sea: Workspace) -> None:
    job = ended(sea, sea.jobs.submit("unwritable", {}, title="Unwritable"))
    assert job.status == "failed"
    assert job.error


def test_a_schedule_that_was_missed_for_long_is_caught_up_by_one_job(sea: Workspace) -> None:
    args = {"trace": "hourly", "labels": ["rang"]}
    sea.jobs.add_schedule("bell", "0 * * * *", "steps", args, title="Bell")
    with sea.store.write() as session:
        bell = _bell(session)
        bell.next_at -= timedelta(hours=9)
        session.add(bell)
    until(lambda: trace(sea, "hourly") == ["rang"])
    with sea.store.read() as session:
        assert _bell(session).next_at > sea.store.now()
    rung = sea.jobs.jobs(kind="steps")
    assert list(rung[rung["title"] == "Bell"]["requested_by"]) == ["schedule"]


def _bell(session: Session) -> JobSchedule:
    return session.exec(select(JobSchedule).where(JobSchedule.name == "bell")).one()


def test_a_killed_worker_is_followed_by_one_that_repeats_no_finished_step(alone: Workspace) -> None:
    labels = ["one", "wait-here", "three"]
    with worker(alone.folder) as first:
        job_id = alone.jobs.submit("steps", {"trace": "kill", "labels": labels}, title="Sail")
        until(lambda: trace(alone, "kill") == ["one", "wait-here"])
        first.send_signal(signal.SIGKILL)
    assert alone.jobs.job(job_id).status == "running"
    give_sign(alone, "wait-here")
    with worker(alone.folder):
        job = ended(alone, job_id)
    assert (job.status, job.result) == ("succeeded", {"labels": labels})
    assert trace(alone, "kill") == ["one", "wait-here", "wait-here", "three"]
    assert [(s.name, s.attempts) for s in alone.jobs.steps(job_id)] == [
        ("one", 1),
        ("wait-here", 2),
        ("three", 1),
    ]


def test_a_worker_that_is_stopped_leaves_its_jobs_to_the_next(alone: Workspace) -> None:
    expected = {
        "below": ("target", {"name": "tick_on", "args": {"trace": "below"}}),
        "aloft": ("lookout", {"trace": "aloft"}),
    }
    with worker(alone.folder) as first:
        ids = [alone.jobs.submit(*job, title=name) for name, job in expected.items()]
        until(lambda: all(trace(alone, name) == ["ticking"] for name in expected))
        first.terminate()
        first.wait(PATIENCE_S)
    assert [alone.jobs.job(job_id).status for job_id in ids] == ["running", "running"]
    give_sign(alone, "enough")
    with worker(alone.folder):
        jobs = [ended(alone, job_id) for job_id in ids]
    assert [(job.status, job.result) for job in jobs] == [("succeeded", {"result": "done"})] * 2
    assert all(trace(alone, name) == ["ticking", "ticking"] for name in expected)


def test_a_worker_and_its_children_work_in_a_folder_of_any_name(tmp_path: Path) -> None:
    name = "it's über a%41 b?c#d"
    workspace = opened(tmp_path / name)
    with worker(workspace.folder):
        job = ended(workspace, workspace.jobs.submit("child", {"number": 3}, title="Square"))
    workspace.store.engine.dispose()
    assert job.result is not None
    assert job.result["square"] == 9
    assert (tmp_path / name / "workflows.db").exists()
    assert [path.name for path in tmp_path.iterdir()] == [name]
