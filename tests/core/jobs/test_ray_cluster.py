"""Heavy work on Ray, with a stand-in for its library; the proofs run a real node."""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from pilothouse.jobs.executor import Interrupted
from pilothouse.jobs.executor_choice import WholeJobs, open_executor
from pilothouse.jobs.ray_cluster import RayCluster
from pilothouse.kit.errors import Invalid, Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace

WHOLE = (0.0, 1.0)


class RayError(Exception):
    """Any failure of the cluster."""


class RayTaskError(RayError):
    """What a task raised."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Remote:
    """A function whose calls are tasks."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def remote(self, *args: Any) -> Any:
        return partial(self._function, *args)


class Cluster(ModuleType):
    """A module `ray` that runs a task when it is waited for."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.address, self.options = "", dict[str, Any]()
        self.cancelled: list[Any] = []
        self.lost = self.hangs = False

    def init(self, address: str, **_: Any) -> None:
        if address == "nowhere":
            raise ConnectionError("no answer")
        self.address = address

    def remote(self, **options: Any) -> Any:
        self.options = options

        return Remote

    def wait(self, tasks: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return ([], tasks) if self.hangs else (tasks, [])

    def get(self, task: Any) -> Any:
        if self.lost:
            raise RayError("the worker died")
        try:
            return task()
        except Exception as failed:
            raise RayTaskError(failed) from failed

    def cancel(self, task: Any, *, force: bool) -> None:
        self.cancelled.append((task, force))

    def shutdown(self) -> None:
        self.address = ""


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    module, exceptions = Cluster(), ModuleType("ray.exceptions")
    exceptions.__dict__.update({"RayError": RayError, "RayTaskError": RayTaskError})
    monkeypatch.setitem(sys.modules, "ray", module)
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)
    return module


def call(cluster: RayCluster, workspace: Workspace, name: str, **args: Any) -> Any:
    target = f"harness.dask_functions:{name}"
    return cluster.compute(workspace.store, "a-job", target, WHOLE, args)


def test_results_and_errors_come_through(ray: Cluster, workspace: Workspace) -> None:
    cluster = RayCluster("10.0.0.1:6379")
    assert call(cluster, workspace, "process_id", seconds=0)["actor"] == "ada"
    assert (ray.address, ray.options) == ("10.0.0.1:6379", {"num_cpus": 1, "max_retries": 0})
    with pytest.raises(Invalid) as refused:
        call(cluster, workspace, "refuse")
    assert refused.value.hint == "Add it."
    ray.lost = True
    with pytest.raises(Unavailable, match="was lost"):
        call(cluster, workspace, "process_id", seconds=0)


def test_closing_ends_what_runs(
    ray: Cluster, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = RayCluster("10.0.0.1:6379")
    ray.hangs = True
    wait = ray.wait

    def closed_meanwhile(tasks: list[Any], timeout: float) -> Any:
        cluster.close()
        return wait(tasks, timeout)

    monkeypatch.setattr(ray, "wait", closed_meanwhile)
    with pytest.raises(Interrupted):
        call(cluster, workspace, "process_id", seconds=0)
    [(_, force)] = ray.cancelled
    assert (force, ray.address) == (True, "")
    with pytest.raises(Interrupted):
        call(cluster, workspace, "process_id", seconds=0)


def test_what_is_missing_is_said(
    workspace: Workspace, ray: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="at nowhere is not reached: no answer"):
        call(RayCluster("nowhere"), workspace, "refuse")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable) as missing:
        call(RayCluster("10.0.0.1:6379"), workspace, "refuse")
    assert "pilothouse[ray]" in str(missing.value.hint)
    chosen = open_executor(Settings(ray_address="10.0.0.1:6379"))
    assert isinstance(chosen, WholeJobs)
    assert isinstance(chosen.cluster, RayCluster)
    with pytest.raises(Invalid, match="both set"):
        open_executor(Settings(ray_address="a:1", dask_address="tcp://b:2"))
