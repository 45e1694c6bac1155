"""Heavy work in child processes, through joblib's loky.

A child opens the workspace itself, ends with its parent, and writes to the job's own log.
When the worker closes, its children end and their calls are Interrupted: neither done nor failed.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import Empty, LifoQueue
from typing import Any

from pilothouse.jobs.executor import Interrupted, run_call
from pilothouse.jobs.memory import limited_memory, memory_limit
from pilothouse.kit import logs
from pilothouse.kit.errors import Unavailable
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store

IDLE_SECONDS = 60
WAIT_SECONDS = 0.5
ATTEMPTS = 2
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "DO_NOT_TRACK": "1"
}
log = logging.getLogger(__name__)


class ChildProcesses:
    """The child processes of one engine.

    Each is in a pool of its own, because loky breaks a whole pool when one of its processes dies.
    A process is kept for the next call, which then need not import everything again.
    """

    def __init__(self, count: int) -> None:
        self.closed = False
        self._idle: LifoQueue[Any] = LifoQueue()
        self._pools: set[Any] = set()
        for _ in range(count):
            self._idle.put(None)

    def compute(
        self,
        store: Store,
        job_id: str,
        target: str,
        span: tuple[float, float],
        args: dict[str, Any],
    ) -> Any:
        """Run `target` in a child and return its plain result.

        A child that dies is replaced once; then Unavailable. Errors of the function come through.
        """
        from joblib.externals.loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        call = (store.settings.model_dump_json(), store.actor, job_id, target, span, args)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._run(call)
            except (BrokenProcessPool, ShutdownExecutorError):
                log.warning("the child of %s died (attempt %d of %d)", target, attempt, ATTEMPTS)
        raise Unavailable(
            f"the child process that ran {target} died {ATTEMPTS} times.",
            hint="Most often memory ran out: give it less data, or a larger machine.",
        )

    def raise_if_closed(self) -> None:
        """Raise Interrupted once the processes are closed."""
        if self.closed:
            raise Interrupted

    def close(self) -> None:
        """Kill every child process, also one that is working."""
        self.closed = True
        for pool in list(self._pools):
            pool.shutdown(wait=True, kill_workers=True)

    def _run(self, call: tuple[Any, ...]) -> Any:
        from joblib.externals.loky.process_executor import BrokenProcessPool

        pool = self._borrow()
        try:
            return pool.submit(run_in_child, *call).result()
        except BrokenProcessPool:
            self._pools.discard(pool)
            pool = None
            raise
        finally:
            self._idle.put(pool)

    def _borrow(self) -> Any:
        """The idle pool that was used last; waits while there is none."""
        from joblib.externals.loky import ProcessPoolExecutor

        while True:
            self.raise_if_closed()
            try:
                pool = self._idle.get(timeout=WAIT_SECONDS)
            except Empty:
                continue
            if pool is None:
                pool = ProcessPoolExecutor(1, timeout=IDLE_SECONDS, env=THREADS, initializer=_begin)
                self._pools.add(pool)
            return pool


def run_in_child(
    settings: str,
    actor: str,
    job_id: str,
    target: str,
    span: tuple[float, float],
    args: dict[str, Any],
) -> Any:
    """Run one call inside a child process, within its limit of memory."""
    with limited_memory(memory_limit(Settings.model_validate_json(settings))):
        return run_call(settings, actor, job_id, target, span, args)


def _begin() -> None:
    logs.configure_child("worker")
    _end_with_parent()


def _end_with_parent() -> None:
    """End this process when its parent dies: the children of a killed worker must not write on."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()
