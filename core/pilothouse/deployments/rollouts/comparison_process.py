"""Runs comparisons in child processes: the worker never computes, and never waits for one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from pilothouse.storage import Store

log = logging.getLogger("pilothouse.rollouts")
MODULE = "pilothouse.deployments.rollouts.comparison"
SECONDS = 300.0
RETRY_SECONDS = 10.0
MAX_MESSAGE = 500
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    began: float


@dataclass
class ComparisonProcesses:
    """At most one child process for each rollout."""

    _running: dict[str, _Running] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)

    def compare(self, store: Store, rollout_id: str, until: datetime) -> dict[str, Any] | None:
        """The comparison of a rollout once it is there; until then it is begun, and None."""
        running = self._running.get(rollout_id)
        if running is None:
            self._begin(store, rollout_id, until)
            return None
        if running.process.poll() is None:
            if time.monotonic() - running.began > SECONDS:
                running.process.kill()
            return None
        del self._running[rollout_id]
        output, error = running.process.communicate()
        if running.process.returncode != 0:
            self._not_before[rollout_id] = time.monotonic() + RETRY_SECONDS
            message = error.decode(errors="replace").strip()[-MAX_MESSAGE:]
            log.error("a rollout could not be compared, trying again later: %s", message)
            return None
        comparison: dict[str, Any] = orjson.loads(output)
        return comparison

    def close(self) -> None:
        """End every child process; another worker compares again."""
        for running in self._running.values():
            running.process.kill()
            running.process.communicate()
        self._running.clear()

    def _begin(self, store: Store, rollout_id: str, until: datetime) -> None:
        if time.monotonic() < self._not_before.get(rollout_id, 0.0):
            return
        settings = store.settings.model_copy(update={"workspace": store.folder})
        # The pipes need no reader while it runs: what goes through them is far smaller than their
        # buffers. Settings may hold a password, so they are not among the arguments.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, rollout_id, until.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **THREADS},
        )
        assert process.stdin is not None
        process.stdin.write(settings.model_dump_json().encode())
        process.stdin.close()
        process.stdin = None
        self._running[rollout_id] = _Running(process, time.monotonic())
