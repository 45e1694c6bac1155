"""Job functions: found again in a child process by a reference that is derived and checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pilothouse.jobs import JobContext, Progress
from pilothouse.jobs.engine import _run_workflow
from pilothouse.jobs.functions import reference_of, resolve_function
from pilothouse.jobs.tables import RUNNING, Job
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.storage import Store
from pilothouse.training.job_functions import train_one
from pilothouse.workspace import Workspace


def test_a_function_of_a_module_is_found_again() -> None:
    reference = reference_of(train_one)
    assert reference == "pilothouse.training.job_functions:train_one"
    assert resolve_function(reference) is train_one


def test_what_a_child_cannot_import_is_refused_before_the_step() -> None:
    def local(store: Store, progress: Progress) -> None: ...

    for function in (local, lambda store, progress: None):
        with pytest.raises(Invalid, match="cannot run in a child process"):
            reference_of(function)


def test_a_function_that_is_gone_says_so() -> None:
    with pytest.raises(NotFound, match="no job function"):
        resolve_function("pilothouse.training.fit:nothing")


def test_arguments_of_a_job_function_are_given_by_name(workspace: Workspace) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("the step must not begin")

    job = JobContext(workspace.store, "a-job", never, never)
    with pytest.raises(TypeError, match="by name"):
        job.compute("train", train_one, {}, "a-job")  # type: ignore[call-arg, misc]


@pytest.mark.parametrize(
    ("kind", "args", "message"),
    [
        ("hoist", {}, "no workflow named 'hoist'"),
        ("train", {}, "a job of kind train needs spec"),
        ("drift_report", {"report": "r", "paper": "A4"}, "has no parameter 'paper'"),
    ],
)
def test_a_job_that_another_version_stored_fails_with_what_does_not_fit(
    workspace: Workspace, kind: str, args: dict[str, Any], message: str
) -> None:
    job_id = workspace.jobs.submit(kind, args, title="Old")
    with workspace.store.write() as session:
        row = session.get(Job, job_id)
        assert row is not None
        row.status = RUNNING

    class NoChildren:
        compute: Callable[..., Any] = staticmethod(lambda *_: None)
        raise_if_closed: Callable[[], None] = staticmethod(lambda: None)
        closed = False

    _run_workflow(NoChildren(), workspace.store, job_id, kind, args)  # type: ignore[arg-type]
    job = workspace.jobs.job(job_id)
    assert job.status == "failed"
    assert message in job.error
