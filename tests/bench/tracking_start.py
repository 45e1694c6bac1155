"""A tracking server alone: from the command to its first answer, and its memory when idle.

Ours is `pilothouse server` in a new workspace, the reference `mlflow server` with one worker on a
new SQLite file, without its job runner. The first answer is one that needs the database: the
search of experiments. Memory is the proportional set size of all processes of each.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from harness.mlflow_server import ReferenceServer
from harness.programs import free_port, memory_mb, running
from harness.tracking_calls import API

RUNS = 3
IDLE_S = 10.0
DEADLINE_S = 120.0


def measure() -> dict[str, Any]:
    """Both in turn; the median seconds and megabytes of each, and how many times less ours is."""
    local, reference = [], []
    for _ in range(RUNS):
        local.append(_ours())
        reference.append(_theirs())
    seconds, memory = _medians(local)
    their_seconds, their_memory = _medians(reference)
    return {
        "work": "tracking_start",
        "ours": round(seconds, 2),
        "reference": round(their_seconds, 2),
        "ratio": round(their_seconds / seconds, 2),
        "unit": "seconds to the first answer, lower is better",
        "reference_is": "mlflow server on SQLite, one worker",
        "idle_pss_mb": round(memory, 1),
        "reference_idle_pss_mb": round(their_memory, 1),
        "memory_ratio": round(their_memory / memory, 2),
        "rounds": RUNS,
    }


def _medians(measured: list[tuple[float, float]]) -> tuple[float, float]:
    seconds, memory = zip(*measured, strict=True)
    return statistics.median(seconds), statistics.median(memory)


def _ours() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "pilothouse.cli", "server"]
        command += ["--workspace", folder, "--port", str(port)]
        began = time.monotonic()
        with running(command) as process:
            _until_answer(f"http://127.0.0.1:{port}")
            seconds = time.monotonic() - began
            time.sleep(IDLE_S)
            return seconds, _memory(process.pid)


def _theirs() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with ReferenceServer(Path(folder)) as server:
            _until_answer(server.url)
            seconds = time.monotonic() - began
            time.sleep(IDLE_S)
            return seconds, _memory(server.pid)


def _until_answer(url: str) -> None:
    body = json.dumps({"max_results": 1}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}{API}experiments/search", body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), opener.open(request, timeout=10) as answer:
            if b"Default" in answer.read():
                return
        time.sleep(0.02)
    raise SystemExit(f"{url} did not answer in {DEADLINE_S:.0f} s")


def _memory(pid: int) -> float:
    first = psutil.Process(pid)
    return sum(memory_mb(process.pid) for process in (first, *first.children(recursive=True)))
