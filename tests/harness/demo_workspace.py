"""The flights demo of some weeks, run once for all processes of the tests; each takes a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.running_instance import RunningInstance, run_instance, wait_for
from pilothouse.kit.errors import Unavailable
from pilothouse.pipelines import flights
from pilothouse.workspace import Workspace

WEEKS = 11  # the tenth week's alert asks for a retraining
# A demo takes so long on a busy machine, and so does the test that waits for another process's.
DEMO_S = 480.0
COPIED_WITHOUT = shutil.ignore_patterns("run", "*.sock")


@dataclass(frozen=True)
class Instance:
    """A running instance and its workspace."""

    ship: RunningInstance
    workspace: Workspace


def copied_demo(factory: pytest.TempPathFactory, name: str) -> Path:
    """The folder of a copy of the demo's workspace; the first process that asks runs the demo."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    demo, done = shared / "demo" / "workspace", shared / "demo-done"
    with FileLock(shared / "demo.lock"):
        if not done.exists():
            shutil.rmtree(demo.parent, ignore_errors=True)
            run_demo(demo, WEEKS, "week of 15 Apr")
            done.touch()
    folder = factory.mktemp(name) / "workspace"
    return Path(shutil.copytree(demo, folder, ignore=COPIED_WITHOUT, symlinks=True))


def run_demo(folder: Path, weeks: int | None, server_dies: str) -> dict[str, Any]:
    """Run the demo, and kill the worker in training and in sending, and the server in a week."""
    with run_instance(folder) as ship:
        workspace = ship.open()
        job = workspace.pipelines.start_demo(weeks)

        def begun(name: str) -> Callable[[], bool]:
            return lambda: any(step.name.startswith(name) for step in workspace.jobs.steps(job))

        wait_for(begun("train"), "training has begun")
        ship.kill("worker")
        wait_for(begun("week of 18 Mar"), "March is being sent", DEMO_S)
        ship.kill("worker")
        wait_for(begun(server_dies), f"the {server_dies} is being sent", DEMO_S)
        ship.kill("server")
        wait_for(lambda: workspace.jobs.job(job).ended, "the demo has ended", DEMO_S)
        result = demo_result(workspace)
        workspace.store.engine.dispose()
    return result


def demo_result(workspace: Workspace) -> dict[str, Any]:
    """What the demo counted at its end. Raises AssertionError with its log when it failed."""
    job = str(workspace.pipelines.demo_job())
    info = workspace.jobs.job(job)
    assert info.status == "succeeded", f"{info.error}\n{workspace.jobs.log(job)}"
    assert info.result is not None
    return info.result


@contextmanager
def running_on(folder: Path) -> Iterator[Instance]:
    """An instance on a folder, for as long as the block lasts."""
    with run_instance(folder) as ship:
        workspace = ship.open()
        yield Instance(ship, workspace)
        workspace.store.engine.dispose()


@contextmanager
def running_demo(folder: Path) -> Iterator[Instance]:
    """An instance on a copy of the demo's workspace, whose deployment answers."""
    with running_on(folder) as instance:
        wait_for(lambda: example_answer(instance.workspace), "the deployment answers")
        yield instance


def example_answer(workspace: Workspace) -> list[dict[str, Any]]:
    """What the deployment answers to the champion's example; nothing while it is not there."""
    champion = workspace.registry.version(flights.MODEL, "champion")
    try:
        return workspace.deployments.predict(flights.DEPLOYMENT, champion.input_example[:1])
    except Unavailable:
        return []
