"""A real `pilothouse up` under constant load: what is done to it, and what becomes of requests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from harness.running_instance import RunningInstance, run_instance, wait_for
from harness.serving import EXAMPLE, trained, workspace_of
from harness.steady_load import LoadReport, SteadyLoad
from pilothouse.deployments import Deployments
from pilothouse.storage import Store

pytestmark = [pytest.mark.proof, pytest.mark.timeout(1_500)]
REQUESTS = 10_000
CONNECTIONS = 4
CANARY = {
    "steps": [10, 50],
    "pause_seconds": 4,
    "interval_seconds": 2,
    "analysis": {"criteria": [{"kind": "error_rate", "params": {"limit": 0.1}}]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("load") / "workspace"
    with workspace_of(folder, trained(1.0), trained(0.9)) as opened:
        yield opened


@pytest.fixture(scope="module")
def instance(store: Store) -> Iterator[RunningInstance]:
    with run_instance(store.folder) as running:
        deployments = Deployments(store)
        deployments.launch("flights", "late", 1)
        deployments.wait_until_ready("flights")
        yield running


class UnderLoad:
    """Does one thing while ten thousand requests are answered."""

    def __init__(self, store: Store, instance: RunningInstance, folder: Path) -> None:
        self.deployments = Deployments(store)
        self._folder = folder
        self._port = urlsplit(instance.address("server").url).port or 0

    def run(self, act: Callable[[SteadyLoad], object], requests: int = REQUESTS) -> LoadReport:
        """The report of the whole time; every answer of 200 is in the prediction log."""
        logged = len(self.deployments.predictions("flights"))
        with SteadyLoad(self._port, self._request(), self._folder, CONNECTIONS) as load:
            load.until(500)
            act(load)
            load.more(500)
            load.until(requests)
        report = load.report
        rows = len(self.deployments.predictions("flights")) - logged
        print(f"\n{report}")  # noqa: T201
        assert report.statuses["200"] <= rows <= report.statuses["200"] + report.broken
        return report

    def _request(self) -> bytes:
        body = orjson.dumps({"dataframe_records": EXAMPLE})
        head = "POST /deployments/flights/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def pid_of(self, version: int) -> int:
        """The process that is ready to answer for a version."""

        def ready() -> int | None:
            replicas = self.deployments.deployment("flights").replicas
            return next((r.pid for r in replicas if (r.version, r.state) == (version, "ready")), 0)

        return wait_for(ready, f"a process of version {version} is ready") or 0

    def until_processes(self, version: int, count: int) -> None:
        """Wait until so many processes of a version are ready, and no other one is there."""

        def is_so() -> bool:
            replicas = self.deployments.deployment("flights").replicas
            return [r.state for r in replicas if r.version == version] == ["ready"] * count

        wait_for(is_so, f"{count} processes of version {version}")


@pytest.fixture
def under_load(store: Store, instance: RunningInstance, tmp_path: Path) -> UnderLoad:
    return UnderLoad(store, instance, tmp_path)


def assert_none_is_lost(report: LoadReport) -> None:
    assert (set(report.statuses), report.broken, report.refused) == ({"200"}, 0, 0), report


def test_promote_and_roll_back(under_load: UnderLoad) -> None:
    deployments = under_load.deployments

    def promote(load: SteadyLoad) -> None:
        deployments.switch_version("flights", 2, reason="better")
        load.until_version(2)

    assert_none_is_lost(under_load.run(promote))

    def roll_back(load: SteadyLoad) -> None:
        began = time.monotonic()
        deployments.roll_back("flights", "only a test")
        load.until_version(1)
        assert time.monotonic() - began < 2

    assert_none_is_lost(under_load.run(roll_back))


def test_every_canary_step(under_load: UnderLoad) -> None:
    deployments = under_load.deployments
    assert deployments.deployment("flights").version == 1

    def roll_out(load: SteadyLoad) -> None:
        deployments.start_rollout("flights", 2, "canary", CANARY, "as good")
        over = wait_for(lambda: deployments.active_rollout("flights") is None, "its end", 600)
        assert over
        assert deployments.rollout("flights").state == "succeeded"
        load.until_version(2)

    assert_none_is_lost(under_load.run(roll_out))
    assert deployments.deployment("flights").version == 2


def test_replacing_a_model_process(under_load: UnderLoad) -> None:
    """A second one beside it, which then goes; and one that is asked to end."""

    def replace(load: SteadyLoad) -> None:
        serving = under_load.deployments.deployment("flights").version
        for count in (2, 1):
            under_load.deployments.scale("flights", count, "only a test")
            under_load.until_processes(serving, count)
            load.more(200)
        os.kill(under_load.pid_of(serving), signal.SIGTERM)
        load.more(500)
        under_load.pid_of(serving)

    assert_none_is_lost(under_load.run(replace))


@pytest.mark.parametrize("name", ["app", "worker"])
def test_a_killed_app_or_worker(
    name: str, under_load: UnderLoad, instance: RunningInstance
) -> None:
    assert_none_is_lost(under_load.run(lambda _load: instance.kill(name)))


def test_a_model_process_that_is_killed_three_times_in_a_row(under_load: UnderLoad) -> None:
    """The version before is warm: it answers until there is another process."""
    deployments = under_load.deployments
    left = deployments.deployment("flights").version
    deployments.switch_version("flights", 3 - left, reason="so that one is warm")
    serving = 3 - left

    def kill(load: SteadyLoad) -> None:
        wait_for(lambda: deployments.deployment("flights").serving_version == serving, "it serves")
        for _ in range(3):
            os.kill(under_load.pid_of(serving), signal.SIGKILL)
            load.more(300)
            load.until_version(serving)

    report = under_load.run(kill)
    assert set(report.statuses) <= {"200", "503"}
    assert report.statuses["503"] + report.broken <= 3 * CONNECTIONS
    assert report.longest_gap < 1.0


def test_a_killed_server(under_load: UnderLoad, instance: RunningInstance) -> None:
    """It ends connections only, and its successor has the same routes."""
    report = under_load.run(lambda _load: instance.kill("server"))
    assert set(report.statuses) == {"200"}, report
    # Each caller's, and the next one too where the kernel still took it for the killed process.
    assert report.broken <= 2 * CONNECTIONS
    assert report.longest_gap < 2.0
