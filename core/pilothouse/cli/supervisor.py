"""Starts the processes of a workspace and restarts those that end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from pilothouse.kit.folders import workspace_folder
from pilothouse.kit.heartbeat import read_beat
from pilothouse.kit.logs import as_text
from pilothouse.kit.processes import ProcessAddress, find, is_running
from pilothouse.kit.settings import Settings

MAX_PAUSE_S = 10.0
HEALTHY_AFTER_S = 30.0
STOP_SECONDS = 8.0
MANY_DEATHS = 4
TAIL_BYTES = 4_000
HANGS_AFTER_S = 60.0  # without a change of a heartbeat that there was


@dataclass(frozen=True)
class ProcessKeeper:
    """Which supervisor started a process and must end it, and which process it is."""

    pid: int
    create_time: float
    child: int


@dataclass
class Child:
    """One process that is kept running."""

    name: str
    command: list[str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    adopted: ProcessAddress | None = None
    started: float = 0.0
    pause: float = 0.2
    due: float = 0.0
    deaths: int = 0
    hangs: int = 0
    beat: str = ""
    beat_at: float = 0.0

    @property
    def log(self) -> Path:
        """The log file of its output."""
        return self.folder / "logs" / f"{self.name}.log"

    def start(self) -> None:
        """Start it with its output in its log, and record who started it."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        own = ProcessKeeper(os.getpid(), psutil.Process().create_time(), self.process.pid)
        _keeper_file(self.folder, self.name).write_text(json.dumps(asdict(own)), encoding="utf-8")
        self.started = time.monotonic()

    def tend(self) -> None:
        """Restart it when it has ended: at once the first time, then with growing pauses."""
        now = time.monotonic()
        if self.adopted is not None:
            if not is_running(self.adopted.pid, self.adopted.create_time):
                self.adopted = None
            elif self._hangs(now) and is_orphan(self.folder, self.adopted):
                self._end_hanging()  # nobody else watches it: its own supervisor is gone
        elif self.process is not None and self.process.poll() is None:
            if self._hangs(now):
                self._end_hanging()
            if now - self.started > HEALTHY_AFTER_S:
                self.pause, self.deaths = 0.2, 0
        elif self.process is not None:
            self.process, self.due = None, now + self.pause
            self.pause = min(self.pause * 2, MAX_PAUSE_S)
            self.deaths += 1
        elif now >= self.due:
            self.adopted = find(self.folder / "run", self.name)
            if self.adopted is None:
                self.start()

    def _hangs(self, now: float) -> bool:
        """Whether its heartbeat was seen once and has been missing for too long."""
        beat = read_beat(self.folder / "run", self.name)
        own = beat.startswith(f"{self._pid} ")
        if not own or beat != self.beat:
            self.beat, self.beat_at = beat, now
        return own and now - self.beat_at > HANGS_AFTER_S

    def _end_hanging(self) -> None:
        """End it, so that it is started again; its work continues where it was."""
        self.hangs += 1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    @property
    def _pid(self) -> int:
        """The id of the running process, started here or adopted; -1 for none."""
        if self.adopted is not None:
            return self.adopted.pid
        return -1 if self.process is None else self.process.pid

    @property
    def trouble(self) -> str:
        """Why it does not stay up: the last line of its log; empty when it does."""
        if self.deaths < MANY_DEATHS:
            times = f"{self.hangs} time{'s' if self.hangs > 1 else ''}"
            return f"the {self.name} hung and was started again {times}" if self.hangs else ""
        return f"the {self.name} ends as soon as it starts: {_last_line(self.log)}"


@dataclass
class Supervisor:
    """Keeps some of app, server and worker running until it is told to stop."""

    settings: Settings
    children: dict[str, Child] = field(default_factory=dict)

    def run(self, name: str, *options: str) -> None:
        """Keep one process running: an existing one, or a new one."""
        folder = workspace_folder(self.settings)
        command = [sys.executable, "-m", "pilothouse.cli", name]
        child = Child(name, [*command, "--workspace", str(folder), *options], folder)
        child.adopted = find(folder / "run", name)
        if child.adopted is None:
            child.start()
        self.children[name] = child

    def tend(self) -> None:
        """Restart every process that has ended."""
        for child in self.children.values():
            child.tend()

    def troubles(self) -> list[str]:
        """Which processes do not stay up, and why."""
        return [child.trouble for child in self.children.values() if child.trouble]

    def wait(self, until: Callable[[], bool], seconds: float, tick: float = 0.1) -> bool:
        """Supervise until a condition holds; False when the time is over first."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end or self.troubles():
                return False
            self.tend()
            time.sleep(tick)
        return True

    def stop(self) -> None:
        """End the processes started here, and those that a killed supervisor left."""
        own = list(self._own())
        for process in own:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(own, timeout=STOP_SECONDS)[1]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for child in self.children.values():
            if child.process is not None:
                child.process.poll()

    def _own(self) -> Iterator[psutil.Process]:
        for child in self.children.values():
            address = child.adopted
            pid = child.process.pid if child.process and child.process.poll() is None else None
            if address is not None and is_orphan(child.folder, address):
                pid = address.pid
            if pid is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    yield psutil.Process(pid)


def is_orphan(folder: Path, address: ProcessAddress) -> bool:
    """Whether the supervisor that started a process is gone without having ended it."""
    try:
        text = _keeper_file(folder, address.name).read_text(encoding="utf-8")
        keeper = ProcessKeeper(**json.loads(text))
    except (OSError, ValueError, TypeError):
        return False  # nobody's: somebody started it by hand
    return keeper.child == address.pid and not is_running(keeper.pid, keeper.create_time)


def _keeper_file(folder: Path, name: str) -> Path:
    return folder / "run" / f"{name}.keeper.json"


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").split("\n")
        lines = [part for line in lines for part in as_text(line).split("\n")]
        return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
    return "it left no log"
