"""Starting the processes of a workspace and starting again the ones that die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pilothouse.kit.processes import Address, find, is_running
from pilothouse.kit.settings import Settings

LONGEST_PAUSE_S = 10.0
HEALTHY_AFTER_S = 30.0
STOP_SECONDS = 8.0


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    adopted: Address | None = None
    started: float = 0.0
    pause: float = 0.2
    due: float = 0.0

    def start(self) -> None:
        """Start it, with its words going to its log."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started = time.monotonic()

    def tend(self) -> None:
        """Start it again when it has died, at once the first time and then ever more slowly."""
        now = time.monotonic()
        if self.adopted is not None:
            self._tend_adopted(self.adopted)
        elif self.process is not None and self.process.poll() is None:
            if now - self.started > HEALTHY_AFTER_S:
                self.pause = 0.2
        elif self.process is not None:
            self.process, self.due = None, now + self.pause
            self.pause = min(self.pause * 2, LONGEST_PAUSE_S)
        elif now >= self.due:
            self.start()

    def _tend_adopted(self, address: Address) -> None:
        """One that ran already, started by somebody else, is left alone until it dies."""
        if not is_running(address.pid, address.create_time):
            self.adopted = None


@dataclass
class Supervisor:
    """Keeps some of app, server and worker running until it is told to stop."""

    settings: Settings
    children: dict[str, Child] = field(default_factory=dict)

    def run(self, name: str, *options: str) -> None:
        """Keep one process running, the one that runs already or a new one."""
        command = [sys.executable, "-m", "pilothouse.cli", name]
        command += ["--workspace", str(self.settings.workspace.expanduser().resolve()), *options]
        folder = self.settings.workspace.expanduser().resolve()
        child = Child(name, command, folder / "logs" / f"{name}.log")
        child.adopted = find(folder / "run", name)
        if child.adopted is None:
            child.start()
        self.children[name] = child

    def tend(self) -> None:
        """Start again whatever has died."""
        for child in self.children.values():
            child.tend()

    def wait(self, until: Callable[[], bool], seconds: float, tick: float = 0.1) -> bool:
        """Tend the processes until something holds; False when the time is over first."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                return False
            self.tend()
            time.sleep(tick)
        return True

    def stop(self) -> None:
        """Ask every process to end, and end those that do not."""
        running = [
            c.process for c in self.children.values() if c.process and c.process.poll() is None
        ]
        for process in running:
            process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
