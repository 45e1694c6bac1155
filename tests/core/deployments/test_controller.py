"""The controller with real model processes: start, crash, adoption, drain, loops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest

from harness.serving import register, running_models, wait_for
from pilothouse.activity import Activity
from pilothouse.deployments import Deployments
from pilothouse.deployments.controller import model_processes
from pilothouse.deployments.controller.controller import Controller
from pilothouse.deployments.info import DeploymentInfo
from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.replica_states import CRASH_LOOP_AFTER
from pilothouse.deployments.served_versions import require_served
from pilothouse.deployments.tables import Deployment, Replica
from pilothouse.deployments.traffic_split import TrafficSplit
from pilothouse.kit.clock import SystemClock
from pilothouse.storage import Store
from pilothouse.workspace import Workspace

T = TypeVar("T")


def tick_until(controller: Controller, ready: Callable[[], T | None], seconds: float = 60.0) -> T:
    """Let the controller look again and again until `ready` says something true."""

    def look() -> T | None:
        controller.tick()
        return ready()

    return wait_for(look, seconds)


def ready(deployments: Deployments, number: int = 1) -> DeploymentInfo | None:
    info = deployments.deployment("flights")
    return info if info.status == "ready" and info.serving_version == number else None


def only_pid(info: DeploymentInfo) -> int:
    pids = [r.pid for r in info.replicas if r.state == "ready"]
    assert len(pids) == 1
    assert pids[0] is not None
    return pids[0]


def another(deployments: Deployments, pid: int) -> DeploymentInfo | None:
    """The deployment once another process than that answers."""
    info = ready(deployments)
    return info if info is not None and only_pid(info) != pid else None


@pytest.fixture
def controller(registered: Store) -> Controller:
    return Controller(registered)


def launched(deployments: Deployments, controller: Controller) -> DeploymentInfo:
    deployments.launch("flights", "late", 1)
    return tick_until(controller, lambda: ready(deployments))


def test_a_process_starts_sees_no_secrets_and_stops(
    deployments: Deployments, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "hunter2")
    info = launched(deployments, controller)
    process = psutil.Process(only_pid(info))
    variables = process.environ()
    assert variables["OMP_NUM_THREADS"] == "1"
    assert "SOME_PASSWORD" not in variables
    assert os.getsid(process.pid) == process.pid
    assert info.replicas[0].start_seconds is not None
    assert info.replicas[0].memory_mb > 10
    assert "ready after" in deployments.logs("flights")
    deployments.stop("flights")
    tick_until(controller, lambda: not deployments.deployment("flights").replicas)
    assert deployments.deployment("flights").status == "stopped"
    assert not psutil.pid_exists(process.pid)
    deployments.resume("flights")
    assert tick_until(controller, lambda: ready(deployments))


def test_a_change_is_acted_on_at_once_and_a_start_observed_often(
    deployments: Deployments, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.controller.controller.TICK_SECONDS", 3600.0)
    controller.tick_when_due()
    deployments.launch("flights", "late", 1)
    controller.tick_when_due()
    assert deployments.deployment("flights").replicas[0].pid

    def look() -> DeploymentInfo | None:
        controller.tick_when_due()
        return ready(deployments)

    pid = only_pid(wait_for(look, 60.0))
    for _ in range(3):  # what the controller itself changed is looked at once more
        controller.tick_when_due()
    os.kill(pid, signal.SIGKILL)
    controller.tick_when_due()
    assert only_pid(deployments.deployment("flights")) == pid  # not due: nothing changed


def test_a_killed_process_is_started_again(
    deployments: Deployments, controller: Controller
) -> None:
    pid = only_pid(launched(deployments, controller))
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    info = tick_until(controller, lambda: another(deployments, pid))
    assert time.monotonic() - began < 30
    assert info.replicas[0].restarts == 1
    assert info.replicas[0].last_exit == "killed by SIGKILL"


def test_a_process_that_hangs_is_replaced(
    deployments: Deployments, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.controller.controller.HEALTH_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr("pilothouse.deployments.controller.controller.HEALTH_CHECK_SECONDS", 0.0)
    pid = only_pid(launched(deployments, controller))
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr("pilothouse.deployments.controller.controller.MAX_MISSES", 3)
    tick_until(controller, lambda: not psutil.pid_exists(pid))
    monkeypatch.setattr("pilothouse.deployments.controller.controller.HEALTH_TIMEOUT_SECONDS", 2.0)
    assert tick_until(controller, lambda: ready(deployments))


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=1)])
def test_a_clock_that_jumps_neither_keeps_a_process_nor_ends_one(
    deployments: Deployments,
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    jump: timedelta,
) -> None:
    pid = only_pid(launched(deployments, controller))
    deployments.stop("flights")
    controller.tick()
    assert deployments.deployment("flights").replicas[0].state == "stopping"
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + jump)
    tick_until(controller, lambda: not deployments.deployment("flights").replicas)
    assert not psutil.pid_exists(pid)
    deployments.resume("flights")
    controller.tick()
    monkeypatch.setattr(SystemClock, "now", now)
    info = tick_until(controller, lambda: ready(deployments))
    assert info.replicas[0].restarts == 0


def test_a_process_that_is_at_one_batch_for_long_is_replaced(
    deployments: Deployments, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.deployments.controller.controller.HEALTH_CHECK_SECONDS", 0.0)
    pid = only_pid(launched(deployments, controller))
    state = model_processes.health

    def busy(replica: Replica, seconds: float) -> dict[str, Any] | None:
        answer = state(replica, seconds)
        return answer and answer | {"busy_seconds": 61.0 if replica.pid == pid else 0.0}

    monkeypatch.setattr("pilothouse.deployments.controller.controller.model_processes.health", busy)
    assert tick_until(controller, lambda: another(deployments, pid))


def test_a_new_controller_adopts_what_a_killed_one_left(
    deployments: Deployments, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    code = (
        "import sys, time; from pathlib import Path; "
        "from pilothouse.kit.settings import Settings; from pilothouse.storage import open_store; "
        "from pilothouse.deployments.controller.controller import Controller; "
        "controller = Controller(open_store(Settings(workspace=Path(sys.argv[1]))))\n"
        "while True:\n    controller.tick()\n    time.sleep(0.05)"
    )
    command = [sys.executable, "-P", "-c", code, str(registered.folder)]
    with subprocess.Popen(command, env=environment()) as first:
        info = wait_for(lambda: ready(deployments))
        first.kill()
    pid = only_pid(info)
    second = Controller(registered)
    for _ in range(3):
        second.tick()
    after = ready(deployments)
    assert after is not None
    assert only_pid(after) == pid
    assert len(running_models(registered)) == 1
    os.kill(pid, signal.SIGKILL)
    info = tick_until(second, lambda: another(deployments, pid))
    assert (
        "killed" in info.replicas[0].last_exit
        or "while no worker was running" in info.replicas[0].last_exit
    )


def test_a_start_that_was_not_written_down_is_found_by_its_token(
    deployments: Deployments, controller: Controller, registered: Store
) -> None:
    pid = only_pid(launched(deployments, controller))
    with registered.write() as session:
        replica = session.get_one(Replica, 1)
        replica.state, replica.pid, replica.create_time = "starting", None, None
    Controller(registered).tick()
    info = ready(deployments)
    assert info is not None
    assert only_pid(info) == pid


def test_a_process_that_nobody_knows_is_ended(
    deployments: Deployments, controller: Controller, registered: Store
) -> None:
    pid = only_pid(launched(deployments, controller))
    with registered.write() as session:
        session.delete(session.get_one(Replica, 1))
    second = Controller(registered)
    tick_until(second, lambda: ready(deployments) and pid not in running_models(registered))
    assert len(running_models(registered)) == 1


def test_a_shadow_gives_way_to_what_answers_callers_until_it_answers_too(
    deployments: Deployments, controller: Controller, registered: Store
) -> None:
    launched(deployments, controller)
    split = TrafficSplit("salt", ((2, 0), (1, 10_000)), mirrors=((2, 10_000),))

    def policies(version: int) -> set[int | str] | None:
        for replica in deployments.deployment("flights").replicas:
            if replica.version == version and replica.state == "ready" and replica.pid:
                threads = psutil.Process(replica.pid).threads()
                share = Path(f"/proc/{replica.pid}/autogroup")
                of_session = {share.read_text().split()[-1]} if share.exists() else set()
                return {os.sched_getscheduler(thread.id) for thread in threads} | of_session
        return None

    has_shares = Path("/proc/self/autogroup").exists()
    last = {os.SCHED_BATCH, "19"} if has_shares else {os.SCHED_BATCH}
    usual = {os.SCHED_OTHER, "0"} if has_shares else {os.SCHED_OTHER}

    def split_requests(traffic: TrafficSplit) -> None:
        with registered.write() as session:
            row = session.get_one(Deployment, "flights")
            row.traffic = traffic.to_json()

    deployments.start_rollout("flights", 2, "shadow", {"seconds": 86_400})
    split_requests(split)
    tick_until(controller, lambda: policies(2) == last)
    assert policies(1) == usual
    split_requests(TrafficSplit("salt", ((2, 100), (1, 9_900)), mirrors=((2, 10_000),)))
    tick_until(controller, lambda: policies(2) == usual)


def test_a_damaged_artifact_is_never_loaded(
    deployments: Deployments, controller: Controller, registered: Store
) -> None:
    deployments.launch("flights", "late", 1)
    # On a busy machine the child is seen some time after it was started.
    tick_until(controller, lambda: bool(running_models(registered)))
    [pid] = running_models(registered)
    os.kill(pid, signal.SIGKILL)
    with registered.read() as session:
        digest = require_served(session, "flights", 1).digest
    path = registered.artifacts.local_path(digest)
    path.chmod(0o644)
    path.write_bytes(b"something else")
    tick_until(
        controller, lambda: "damaged" in deployments.deployment("flights").replicas[0].last_exit
    )
    assert running_models(registered) == []


def test_a_launch_that_lacks_a_file_leaves_no_copies_of_the_others(
    workspace: Workspace, tmp_path: Path
) -> None:
    xgboost = pytest.importorskip("xgboost")
    values = np.arange(20.0).reshape(10, 2)
    folder = tmp_path / "model"
    folder.mkdir()
    xgboost.XGBRegressor(n_estimators=2).fit(values, values[:, 0]).save_model(folder / "model.ubj")
    (folder / "requirements.txt").write_text("xgboost\n")
    version = workspace.registry.register_files("price", folder)
    inputs = {"size": "number", "age": "number"}
    workspace.registry.describe("price", 1, "regression", inputs=inputs)
    workspace.deployments.launch("price", "price", 1)

    assert version.package is not None
    assert list(version.package.files) == ["model.ubj", "requirements.txt"]
    digest = version.package.files["requirements.txt"]
    workspace.store.artifacts.local_path(digest).unlink()
    Controller(workspace.store).tick()
    [replica] = workspace.deployments.deployment("price").replicas
    assert digest[:12] in replica.last_exit
    assert not list((workspace.store.run_folder / "models").glob("*"))


def test_a_version_that_cannot_load_ends_in_a_crash_loop_while_the_old_one_answers(
    deployments: Deployments,
    controller: Controller,
    registered: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pilothouse.deployments.controller.reconcile.BACK_OFF_SECONDS", (0,))
    register(registered, "late", b"no pickle at all")
    pid = only_pid(launched(deployments, controller))
    deployments.switch_version("flights", 3)
    tick_until(controller, lambda: deployments.deployment("flights").status == "crash_loop", 120)
    info = deployments.deployment("flights")
    assert info.serving_version == 1
    assert only_pid(info) == pid
    broken = next(r for r in info.replicas if r.version == 3)
    assert broken.restarts >= CRASH_LOOP_AFTER
    assert broken.last_exit == "exit code 1"
    assert "is still serving" in info.message
    assert "Error" in deployments.logs("flights")
    entries = Activity(registered).entries(kind="deployment", actor="controller")
    assert entries[["verb", "ref", "reason"]].to_numpy().tolist() == [
        ["crash-looped", "flights", "exit code 1"]
    ]


def test_sockets_lie_where_only_we_may_enter(registered: Store) -> None:
    places = model_processes.ReplicaPaths(registered.run_folder, registered.log_folder)
    socket = places.socket("0123456789abcdef")
    assert len(os.fsencode(socket)) < 108
    assert os.stat(os.path.dirname(socket)).st_mode & 0o777 == 0o700
