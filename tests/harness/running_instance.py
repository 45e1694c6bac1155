"""A real `pilothouse up` in a folder, and hands to kill its processes, for tests of whole ships."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.programs import free_port, running
from pilothouse.kit.processes import ProcessAddress, find
from pilothouse.workspace import Workspace, open_workspace

T = TypeVar("T")
DEADLINE_S = 120.0


@dataclass(frozen=True)
class RunningInstance:
    """A running `pilothouse up`."""

    folder: Path
    process: subprocess.Popen[bytes]

    def address(self, name: str) -> ProcessAddress:
        """Where one of its processes is, once it is there."""
        return wait_for(lambda: find(self.folder / "run", name), f"{name} is up")

    def kill(self, name: str) -> None:
        """SIGKILL one of its processes and wait until its successor is up."""
        old = self.address(name)
        os.kill(old.pid, signal.SIGKILL)
        wait_for(lambda: self._successor(name, old), f"{name} is up again")

    def _successor(self, name: str, old: ProcessAddress) -> ProcessAddress | None:
        now = find(self.folder / "run", name)
        return now if now is not None and now.pid != old.pid else None

    def open(self) -> Workspace:
        """Its workspace."""
        return open_workspace(self.folder)


@contextlib.contextmanager
def run_instance(folder: Path, *options: str) -> Iterator[RunningInstance]:
    """Run `pilothouse up` in a folder, on free ports, for as long as the block lasts."""
    command = [sys.executable, "-m", "pilothouse.cli", "up", "--no-browser"]
    command += ["--workspace", str(folder), *options]
    command += ["--app-port", str(free_port()), "--server-port", str(free_port())]
    with running(command) as process:
        ship = RunningInstance(folder, process)
        for name in ("app", "server", "worker"):
            ship.address(name)
        yield ship


@contextlib.contextmanager
def app_alone(folder: Path) -> Iterator[str]:
    """Run the app alone on a folder, without server and worker; its origin."""
    command = [sys.executable, "-m", "pilothouse.cli", "app", "--workspace", str(folder)]
    command += ["--port", str(free_port())]
    with running(command):
        yield wait_for(lambda: find(folder / "run", "app"), "the app is up").url


@contextlib.contextmanager
def server_alone(folder: Path) -> Iterator[str]:
    """Run the server alone on a folder; its origin."""
    command = [sys.executable, "-m", "pilothouse.cli", "server", "--workspace", str(folder)]
    command += ["--port", str(free_port())]
    with running(command):
        yield wait_for(lambda: find(folder / "run", "server"), "the server is up").url


def worker_alone(
    folder: Path, variables: Mapping[str, str] | None = None
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    """Run the worker alone on a folder, with these environment variables beside the test's own."""
    command = [sys.executable, "-m", "pilothouse.cli", "worker", "--workspace", str(folder)]
    return running(command, env=os.environ | dict(variables or {}))


def wait_for(what: Callable[[], T | None], what_for: str, seconds: float = DEADLINE_S) -> T:
    """The first true answer. Raises AssertionError that says what did not happen in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := what():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s: {what_for}")
