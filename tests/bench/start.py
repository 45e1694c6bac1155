"""From the command to the first page, and the memory of the idle processes.

Ours is `pilothouse up` in a new workspace; the reference is a bare Streamlit page of one line.
Memory is the proportional set size, so that pages shared by processes are counted once.
"""

from __future__ import annotations

import contextlib
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from harness.programs import free_port, memory_mb, running

RUNS = 3
IDLE_SECONDS = 12.0
DEADLINE_S = 90.0
NAMES = ("app", "server", "worker")


def measure() -> dict[str, Any]:
    """Seconds to the first page of both, and megabytes of app, server and worker when idle."""
    local, reference = [], []
    memory: dict[str, float] = {}
    for _ in range(RUNS):
        seconds, memory = _ours()
        local.append(seconds)
        reference.append(_reference())
    fastest, bare = statistics.median(local), statistics.median(reference)
    return {
        "work": "start",
        "ours": round(fastest, 2),
        "reference": round(bare, 2),
        "ratio": round(bare / fastest, 2),
        "unit": "seconds to the first page, lower is better",
        "reference_is": "a bare Streamlit page",
        "idle_pss_mb": memory,
        "idle_pss_mb_total": round(sum(memory.values()), 1),
    }


def _ours() -> tuple[float, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        app, server = free_port(), free_port()
        command = [sys.executable, "-m", "pilothouse.cli", "up", "--no-browser"]
        command += ["--workspace", folder, "--app-port", str(app), "--server-port", str(server)]
        began = time.monotonic()
        with running(command, signal.SIGINT) as process:
            _until_page(f"http://127.0.0.1:{app}/")
            seconds = time.monotonic() - began
            _until_page(f"http://127.0.0.1:{server}/healthz")
            time.sleep(IDLE_SECONDS)
            memory = _memory(process.pid)
    return seconds, memory


def _reference() -> float:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.py"
        page.write_text("import streamlit as st\nst.write('hello')\n", encoding="utf-8")
        port = free_port()
        options = ["--server.headless=true", f"--server.port={port}"]
        options += ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
        command = [sys.executable, "-m", "streamlit", "run", str(page), *options]
        began = time.monotonic()
        with running(command, signal.SIGINT):
            _until_page(f"http://127.0.0.1:{port}/")
            return time.monotonic() - began


def _until_page(url: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"{url} did not answer in {DEADLINE_S:.0f} s")


def _memory(pid: int) -> dict[str, float]:
    """Proportional set size in MB of each process below `up`, with its own children."""
    memory = dict.fromkeys(NAMES, 0.0)
    for child in psutil.Process(pid).children():
        arguments = child.cmdline()
        name = next((n for n in NAMES if n in arguments), None)
        if name:
            family = [child, *child.children(recursive=True)]
            memory[name] = round(sum(memory_mb(member.pid) for member in family), 1)
    return memory
