"""The supervisor with small real processes: what dies is started again, what is ours is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.running_instance import wait_for
from pilothouse.cli.supervisor import Child, Supervisor, is_orphan
from pilothouse.kit.heartbeat import Heartbeat, read_beat
from pilothouse.kit.processes import ProcessAddress
from pilothouse.kit.settings import Settings

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
BEATING = [
    sys.executable,
    "-c",
    "import threading, pathlib; from pilothouse.kit.heartbeat import Heartbeat\n"
    "Heartbeat(pathlib.Path('RUN'), 'worker').start(threading.Event()).join()",
]
FAIL = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]


@pytest.fixture
def workspace_folder(tmp_path: Path) -> Path:
    for name in ("run", "logs"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def supervisor(workspace_folder: Path) -> Iterator[Supervisor]:
    made = Supervisor(Settings(workspace=workspace_folder))
    yield made
    made.stop()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that somebody else started."""
    with subprocess.Popen(SLEEP, start_new_session=True) as process:
        yield process
        process.kill()


def address(process: subprocess.Popen[bytes]) -> ProcessAddress:
    return ProcessAddress("server", process.pid, psutil.Process(process.pid).create_time(), 5050)


def keep(workspace_folder: Path, keeper: int, born: float, child: int) -> None:
    text = json.dumps({"pid": keeper, "create_time": born, "child": child})
    (workspace_folder / "run" / "server.keeper.json").write_text(text)


def running(child: Child) -> int:
    assert child.process is not None
    return child.process.pid


def test_what_dies_is_started_again(supervisor: Supervisor, workspace_folder: Path) -> None:
    child = supervisor.children["server"] = Child("server", SLEEP, workspace_folder)
    child.start()
    first = running(child)
    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        supervisor.tend()
        return child.process is not None and child.process.pid != first

    wait_for(again, "it runs again")
    assert supervisor.troubles() == []


def test_what_hangs_is_started_again(
    supervisor: Supervisor, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.cli.supervisor.HANGS_AFTER_S", 2.0)
    command = [part.replace("RUN", str(workspace_folder / "run")) for part in BEATING]
    child = supervisor.children["worker"] = Child("worker", command, workspace_folder)
    child.start()
    first = running(child)
    wait_for(
        lambda: read_beat(workspace_folder / "run", "worker").startswith(f"{first} "), "it beats"
    )
    for _ in range(30):  # as long as it beats it is left alone
        supervisor.tend()
        time.sleep(0.1)
    assert running(child) == first
    os.kill(first, signal.SIGSTOP)

    def again() -> bool:
        supervisor.tend()
        return child.process is not None and child.process.pid != first

    wait_for(again, "it runs again")
    assert not psutil.pid_exists(first)
    assert supervisor.troubles() == ["the worker hung and was started again 1 time"]


def test_what_hangs_is_ended_only_when_its_own_supervisor_is_gone(
    supervisor: Supervisor,
    workspace_folder: Path,
    stranger: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pilothouse.cli.supervisor.HANGS_AFTER_S", 0.0)
    (workspace_folder / "run" / "server.beat").write_text(f"{stranger.pid} 1")
    child = supervisor.children["server"] = Child("server", SLEEP, workspace_folder)
    child.adopted = address(stranger)
    for _ in range(3):
        supervisor.tend()
    assert stranger.poll() is None
    keep(workspace_folder, 2**22 - 1, 1.0, stranger.pid)  # as left by a supervisor that was killed
    supervisor.tend()
    assert stranger.wait(timeout=30) == -signal.SIGKILL


def test_a_process_without_a_heartbeat_is_not_taken_for_one_that_hangs(
    supervisor: Supervisor, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilothouse.cli.supervisor.HANGS_AFTER_S", 0.0)
    (workspace_folder / "run" / "server.beat").write_text("1 1")  # of a process that is gone
    child = supervisor.children["server"] = Child("server", SLEEP, workspace_folder)
    child.start()
    first = running(child)
    for _ in range(3):
        supervisor.tend()
    assert running(child) == first


def test_a_heart_stops_while_something_takes_too_long(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = Heartbeat(workspace_folder / "run", "worker")
    heart.beat()
    before = read_beat(workspace_folder / "run", "worker")
    with heart.action("jobs"):
        heart.beat()
        assert read_beat(workspace_folder / "run", "worker") != before
        monkeypatch.setattr("pilothouse.kit.heartbeat.MAX_ACTION_SECONDS", 0.0)
        before = read_beat(workspace_folder / "run", "worker")
        heart.beat()
        assert read_beat(workspace_folder / "run", "worker") == before
    heart.beat()
    assert read_beat(workspace_folder / "run", "worker") != before


def test_what_never_stays_up_is_told_in_its_own_words(
    supervisor: Supervisor, workspace_folder: Path
) -> None:
    child = supervisor.children["server"] = Child("server", FAIL, workspace_folder, pause=0.01)
    child.start()
    assert not supervisor.wait(lambda: False, 60.0, tick=0.01)
    assert supervisor.troubles() == ["the server ends as soon as it starts: the port is taken"]


def test_what_a_stranger_started_is_left_to_him(
    supervisor: Supervisor, workspace_folder: Path, stranger: subprocess.Popen[bytes]
) -> None:
    running = address(stranger)
    supervisor.children["server"] = Child("server", SLEEP, workspace_folder, adopted=running)
    assert not is_orphan(workspace_folder, running)
    supervisor.stop()
    assert stranger.poll() is None


def test_what_another_supervisor_keeps_is_left_to_it(
    supervisor: Supervisor, workspace_folder: Path, stranger: subprocess.Popen[bytes]
) -> None:
    running = address(stranger)
    keep(workspace_folder, os.getpid(), psutil.Process().create_time(), stranger.pid)
    supervisor.children["server"] = Child("server", SLEEP, workspace_folder, adopted=running)
    supervisor.stop()
    assert stranger.poll() is None


def test_what_a_killed_supervisor_left_is_ended(
    supervisor: Supervisor, workspace_folder: Path, stranger: subprocess.Popen[bytes]
) -> None:
    running = address(stranger)
    keep(
        workspace_folder, os.getpid(), 1.0, stranger.pid
    )  # the number lives, but it is somebody else's now
    assert is_orphan(workspace_folder, running)
    supervisor.children["server"] = Child("server", SLEEP, workspace_folder, adopted=running)
    began = time.monotonic()
    supervisor.stop()
    assert not psutil.pid_exists(stranger.pid) or stranger.wait(5) is not None
    assert time.monotonic() - began < 5


def test_a_keeper_file_that_is_torn_makes_nobody_an_orphan(
    workspace_folder: Path, stranger: subprocess.Popen[bytes]
) -> None:
    (workspace_folder / "run" / "server.keeper.json").write_text('{"pid": 1')
    assert not is_orphan(workspace_folder, address(stranger))
