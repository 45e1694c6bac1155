"""How the processes of one workspace find each other: a small file each, true while it runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

CLOCK_SLACK_S = 2.0  # Linux tells the time of boot, on which this rests, to the second


@dataclass(frozen=True)
class ProcessAddress:
    """A running process: what it is, who it is, and its loopback port (0 for none)."""

    name: str
    pid: int
    create_time: float
    port: int = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


def announce(folder: Path, name: str, port: int = 0) -> ProcessAddress:
    """Write this process's address into the folder, for the others to read."""
    own = ProcessAddress(name, os.getpid(), psutil.Process().create_time(), port)
    partial = folder / f"{name}.{own.pid}.part"
    partial.write_text(json.dumps(asdict(own)), encoding="utf-8")
    os.replace(partial, folder / f"{name}.json")
    return own


def find(folder: Path, name: str) -> ProcessAddress | None:
    """The address of a process that runs now, or None."""
    try:
        address = ProcessAddress(
            **json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, TypeError):
        return None
    return address if is_running(address.pid, address.create_time) else None


def is_running(pid: int, create_time: float) -> bool:
    """Whether that very process runs: the number alone may have been given to another."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - create_time) <= CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
