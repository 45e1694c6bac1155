"""What follows by itself is signed by the part that did it, whoever asked for the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pilothouse.jobs import JobContext, workflows
from pilothouse.workspace import Workspace


@pytest.mark.parametrize(
    ("kind", "args", "signed"),
    [
        ("demo_flights", {}, "demo"),
        ("demo_chicago", {}, "demo"),
        ("demo_churn", {}, "demo"),
        ("retrain", {"deployment": "late"}, "retraining"),
        ("evaluate_windows", {"deployment": "late"}, "monitor"),
        ("drift_report", {"report": "r"}, "worker"),
        ("export_evidently", {"export": "e"}, "worker"),
        ("train", {"spec": {}}, "ada"),  # a person asked for this run by name
    ],
)
def test_a_job_signs_as_what_it_is(
    workspace: Workspace, kind: str, args: dict[str, Any], signed: str
) -> None:
    actors: list[str] = []

    class Enough(Exception):
        pass

    def computed(store: Any, *_: Any) -> Any:
        actors.append(store.actor)
        raise Enough

    def at_once(_: str, act: Callable[[], Any]) -> Any:
        return act()

    with pytest.raises(Enough):
        workflows.get(kind).run(JobContext(workspace.store, "a-job", at_once, computed), **args)
    assert actors == [signed]
