"""What goes wrong in real life: it ends in a clear state, and live traffic is answered throughout.

Models that hang, leak or crash, a full disk, a clock that jumps, a second worker.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from harness.odd_models import crashing, hanging, leaking
from harness.running_instance import worker_alone
from harness.serving import ServerProcess, register, serving, trained, wait_for
from harness.steady_load import SteadyLoad
from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.controller import stop_all
from pilothouse.deployments.rollouts.rollout_info import RolloutInfo
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate

pytestmark = [pytest.mark.proof, pytest.mark.long, pytest.mark.timeout(1_200)]
GOOD, HANGING, LEAKING, CRASHING, SECOND = 1, 2, 3, 4, 5
MEMORY_MB = 500
DISK_MB = 96


class JumpingClock:
    """The machine's clock, set forward and back."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


CLOCK = JumpingClock()


def workspace_with_models(folder: Path) -> Store:
    settings = Settings(workspace=folder, actor="ada", model_memory_mb=MEMORY_MB)
    opened = open_store(settings, CLOCK)
    migrate(opened)
    odd = (trained(1.0), hanging(), leaking(), crashing(), trained(0.9))
    register(opened, "late", *odd)
    return opened


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = workspace_with_models(tmp_path_factory.mktemp("faults") / "workspace")
    yield opened
    stop_all(opened)
    opened.engine.dispose()


@pytest.fixture(scope="module")
def server(store: Store) -> Iterator[ServerProcess]:
    with serving(store, GOOD) as running:
        yield running


def load_on(url: str, folder: Path, name: str = "flights", **values: Any) -> SteadyLoad:
    """Callers of a deployment, with one row."""
    row = {"distance": 500.0, "carrier": "AA", "wind": 9.0, **values}
    body = orjson.dumps({"dataframe_records": [row]})
    head = f"POST /deployments/{name}/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return SteadyLoad(urlsplit(url).port or 0, head.encode() + body, folder)


def ended(deployments: Deployments, seconds: float = 300.0) -> RolloutInfo:
    wait_for(lambda: deployments.active_rollout("flights") is None, seconds)
    return deployments.rollout("flights")


def rolled_back(store: Store, server: ServerProcess, folder: Path, **case: Any) -> str:
    """Why a canary of a version was rolled back, while every request was answered."""
    deployments = Deployments(store)
    settings = {"steps": [50], "pause_seconds": 3_600, "interval_seconds": 3_600}
    settings |= case.get("settings", {})
    with load_on(server.url, folder, **case.get("row", {})) as load:
        load.until(200)
        deployments.start_rollout("flights", case["version"], "canary", settings)
        info = ended(deployments)
        load.more(200)
    assert set(load.report.statuses) == {"200"}, load.report
    assert load.report.broken == 0
    assert info.state == "rolled_back"
    assert deployments.deployment("flights").status == "ready"
    assert deployments.deployment("flights").serving_version == GOOD
    return info.message


def test_a_candidate_that_hangs(store: Store, server: ServerProcess, tmp_path: Path) -> None:
    message = rolled_back(store, server, tmp_path, version=HANGING, row={"distance": 5e6})
    assert "requests to version 2 failed within a minute" in message


def test_a_candidate_that_leaks(store: Store, server: ServerProcess, tmp_path: Path) -> None:
    settings = {"max_memory_mb": 400}
    message = rolled_back(store, server, tmp_path, version=LEAKING, settings=settings)
    assert message.startswith("a process of version 3 takes ")
    assert message.endswith("400 MB are allowed")


def test_a_candidate_that_crashes_on_load(
    store: Store, server: ServerProcess, tmp_path: Path
) -> None:
    message = rolled_back(store, server, tmp_path, version=CRASHING)
    assert message.startswith("version 4 does not stay up: it ended 3 times right after its start")
    assert message.endswith("exit code 7")


def test_a_swap_to_a_version_that_crashes_on_load(
    store: Store, server: ServerProcess, tmp_path: Path
) -> None:
    """The version before goes on answering, and the page says why."""
    deployments = Deployments(store)
    with load_on(server.url, tmp_path) as load:
        load.until(200)
        deployments.switch_version("flights", CRASHING, reason="a mistake")
        info = wait_for(
            lambda: (i := deployments.deployment("flights")).status == "crash_loop" and i, 300
        )
        load.more(200)
        assert info.message.endswith("right after its start; version 1 is still serving.")
        failure = deployments.failure("flights")
        assert failure is not None
        assert (failure.ended, failure.keeps_ending) == ("exit code 7", True)
        deployments.roll_back("flights", "it does not start")
        load.more(200)
    assert set(load.report.statuses) == {"200"}
    assert load.report.broken == 0
    wait_for(lambda: deployments.deployment("flights").status == "ready", 120)


def test_a_leaking_deployment_is_replaced_and_says_why(
    store: Store, server: ServerProcess, tmp_path: Path
) -> None:
    """The version before, which is warm, answers meanwhile."""
    deployments = Deployments(store)
    deployments.launch("leaky", "late", GOOD)
    deployments.wait_until_ready("leaky")
    deployments.switch_version("leaky", LEAKING, reason="a mistake")
    deployments.wait_until_ready("leaky")
    with load_on(server.url, tmp_path, "leaky") as load:
        replica = wait_for(
            lambda: next(
                (r for r in deployments.deployment("leaky").replicas if r.last_exit), None
            ),
            300,
        )
        assert replica.last_exit.startswith("ended: it took ")
        assert replica.last_exit.endswith(f"{MEMORY_MB} MB are allowed")
        load.more(50)
    deployments.stop("leaky")
    assert set(load.report.statuses) == {"200"}, load.report
    assert load.report.broken == 0


def test_a_clock_that_jumps(store: Store, server: ServerProcess, tmp_path: Path) -> None:
    """The rollout goes on or begins its step again; no process is replaced."""
    deployments = Deployments(store)
    settings = {
        "steps": [50],
        "pause_seconds": 30,
        "interval_seconds": 5,
        "analysis": {"criteria": [{"kind": "error_rate", "params": {"limit": 0.2}}]},
    }
    [before] = [r.pid for r in deployments.deployment("flights").replicas if r.version == GOOD]
    with load_on(server.url, tmp_path) as load:
        load.until(100)
        deployments.start_rollout("flights", SECOND, "canary", settings)
        load.until_version(SECOND)
        for ahead in (timedelta(hours=-30), timedelta(0), timedelta(hours=2)):
            CLOCK.ahead = ahead
            load.more(400)
        CLOCK.ahead = timedelta(0)
        load.more(200)
        info = deployments.rollout("flights")
        assert info.state in ("running", "held", "succeeded"), info.message
        if info.is_active:
            deployments.cancel_rollout("flights")
        else:
            deployments.roll_back("flights", "only a test")
        load.more(200)
    assert set(load.report.statuses) == {"200"}
    replicas = deployments.deployment("flights").replicas
    assert before in [r.pid for r in replicas if r.version == GOOD]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that is easily filled; where none may be made, nothing can be proven."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        made = False
    if not made:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_and_a_second_worker(small_disk: Path, tmp_path: Path) -> None:
    store = workspace_with_models(small_disk / "workspace")
    deployments = Deployments(store)
    with worker_alone(store.folder), ServerProcess(store) as server:
        deployments.launch("flights", "late", GOOD)
        deployments.wait_until_ready("flights")
        with load_on(server.url, tmp_path) as load:
            load.until(200)
            command = [sys.executable, "-m", "pilothouse.cli", "worker"]
            second = subprocess.run(
                [*command, "--workspace", str(store.folder)],
                capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert second.returncode != 0
            assert "this workspace has a worker already" in second.stderr
            load.more(200)

            filler = fill(small_disk)
            load.more(2_000)
            message = deployments.deployment("flights").message
            assert "The disk is full: requests are answered" in message
            filler.unlink()
            time.sleep(2)
            load.more(200)
            assert "full" not in deployments.deployment("flights").message
        assert set(load.report.statuses) == {"200"}, load.report
        wait_for(lambda: len(deployments.predictions("flights")) == load.report.answered, 60)
        [replica] = deployments.deployment("flights").replicas
        assert replica.restarts == 0
    stop_all(store)
    store.engine.dispose()


def fill(disk: Path) -> Path:
    """A file that takes what is left of a disk."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12):
            while True:
                try:
                    if not out.write(os.urandom(size)):
                        break
                except OSError:
                    break
    return filler
