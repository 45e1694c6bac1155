"""Trials for clients' moves: a version that goes to a gated stage is tried before the transaction.

A trial is a model process and takes seconds: it holds no lock of the database, no thread that other
requests use, and the event loop only waits for it. Clients that stop waiting send their request
again; it joins the trial that is under way.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from pilothouse.registry import load_trials, trust
from pilothouse.registry.info import VersionInfo
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.trials")
MAX_AT_ONCE = 2  # model processes, each of which may need a processor and much memory


class Trials:
    """The trials of a server, for coroutines of one event loop.

    `attempt` starts a model process, and says why a version cannot be served.
    """

    def __init__(self, store: Store, attempt: load_trials.Try) -> None:
        self._store = store
        self._attempt = attempt
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def ensure(self, version: VersionInfo) -> None:
        """Try a version unless it was tried and answered; what comes of it is stored.

        A caller that is cancelled does not end the trial. Raises what storing it raises.
        """
        running = self._running.get(version.ref)
        if running is None:
            running = self._running[version.ref] = asyncio.create_task(self._try(version))
            running.add_done_callback(lambda done: self._end(version.ref, done))
        await asyncio.shield(running)

    async def _try(self, version: VersionInfo) -> None:
        async with self._slots:
            await asyncio.wrap_future(_in_thread(lambda: self._run(version)))

    def _run(self, version: VersionInfo) -> None:
        trust.prepare(self._store, version)
        load_trials.run_trial(self._store, version, self._attempt, again=True)

    def _end(self, ref: str, done: asyncio.Task[None]) -> None:
        del self._running[ref]
        if not done.cancelled() and done.exception() is not None:
            # Its callers raise it too, but they may be gone.
            log.warning("the trial of %s could not be made: %s", ref, done.exception())


def _in_thread(work: Callable[[], None]) -> Future[None]:
    """Run work in a thread of its own: the end of the process does not wait for a daemon."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except Exception as failed:  # the edge of a thread: raised by whoever waits
            future.set_exception(failed)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="trial", daemon=True).start()
    return future
