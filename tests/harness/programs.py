"""Programs that tests and benchmarks start: on free ports, measured while they run, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

STOP_S = 40.0


@contextlib.contextmanager
def running(
    command: Sequence[str],
    ending: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, unheard, for as long as the block lasts; one that does not end is killed."""
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(ending)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_running(pid: int) -> bool:
    """Whether there is a process of that id that has not ended."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def memory_mb(pid: int) -> float:
    """A process's proportional set size, so that pages shared by processes are counted once."""
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if not os.access(rollup, os.R_OK):
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    line = next(x for x in rollup.read_text().splitlines() if x.startswith("Pss:"))
    return int(line.split()[1]) * 1024 / 1e6
