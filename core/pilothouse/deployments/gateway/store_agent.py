"""The agent of a feature store while deployments look features up: kept alive, never waited for.

Answers come in the order of the questions. One that comes too late is dropped; an agent that does
not answer for long is ended and started again. A store that cannot be opened for a minute counts as
failed: questions are refused at once, and it is tried again from time to time.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pilothouse.features import store_rows
from pilothouse.features.agent_process import (
    HEAD,
    START_SECONDS,
    AgentProgram,
    check_started,
    frame,
    result_of,
    variables,
)
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.storage import Store

log = logging.getLogger("pilothouse.features")
HANG_SECONDS = 30.0
RESTART_SECONDS = 2.0
FAILED_SECONDS = 60.0  # without a start that succeeded
FAILED_RESTART_SECONDS = 30.0
MAX_PENDING = 256
USUAL_START_SECONDS = 15.0  # of Feast; later the last start is known
Pending = tuple[float, asyncio.Future[dict[str, Any]]]


class StoreAgent:
    """One agent process of a feature store; used in the server's event loop."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store
        self._process: asyncio.subprocess.Process | None = None
        self._pending: deque[Pending] = deque()
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._not_before = 0.0
        self._began = 0.0
        self._unready_since: float | None = None
        self._start_seconds = USUAL_START_SECONDS
        self._problem = ""
        self._ending = False

    @property
    def is_ready(self) -> bool:
        """Whether the store can be asked now."""
        return self._ready.is_set()

    @property
    def failure(self) -> str:
        """Why the store could not be opened for a minute; "" while it is ready or may become so."""
        if self._unready_since is None or not self._problem:
            return ""
        unready = asyncio.get_running_loop().time() - self._unready_since
        return self._problem if unready >= FAILED_SECONDS else ""

    def keep_running(self) -> None:
        """Start the process when there is none, and end one that does not answer any more."""
        now = asyncio.get_running_loop().time()
        if self._pending and now - self._pending[0][0] > HANG_SECONDS:
            self._kill()
        ended = self._running is None or self._running.done()
        if ended and now >= self._not_before:
            pause = FAILED_RESTART_SECONDS if self.failure else RESTART_SECONDS
            self._not_before, self._began = now + pause, now
            self._unready_since = now if self._unready_since is None else self._unready_since
            self._running = asyncio.create_task(self._run())

    async def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The answer of the store. Raises Unavailable when it does not come in time, Invalid."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self.keep_running()
        self._refuse_failed()
        if len(self._pending) >= MAX_PENDING:
            raise Unavailable(f"{MAX_PENDING} requests wait for the feature store {self.name!r}.")
        try:
            async with asyncio.timeout_at(deadline):
                await self._ready.wait()
                future: asyncio.Future[dict[str, Any]] = loop.create_future()
                self._send(question, loop.time(), future)
                reply = await future
        except TimeoutError as late:
            problem = f": {self._problem}" if self._problem else "."
            what = "did not answer" if self._ready.is_set() else "is not ready"
            refusal = Unavailable(
                f"the feature store {self.name!r} {what} within {seconds:g} s{problem}",
                hint="Send the features themselves, or try again.",
            )
            if not self._ready.is_set():
                left = self._began + self._start_seconds - loop.time()
                refusal.retry_seconds = max(1, round(left))
            raise refusal from late
        return result_of(self.name, reply)

    def _refuse_failed(self) -> None:
        if failure := self.failure:
            refusal = Unavailable(
                f"the feature store {self.name!r} has failed: {failure}",
                hint="Send the features themselves, or repair the store: it is tried again.",
            )
            refusal.retry_seconds = round(FAILED_RESTART_SECONDS)
            raise refusal

    def _send(
        self, question: Mapping[str, Any], now: float, future: asyncio.Future[dict[str, Any]]
    ) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise Unavailable(f"the agent of feature store {self.name!r} has ended.")
        body = frame(question)
        self._pending.append((now, future))
        process.stdin.write(body)

    async def _run(self) -> None:
        """One life of the process: until it ends by itself or is ended."""
        try:
            program = await asyncio.to_thread(self._program)
            self._process = process = await asyncio.create_subprocess_exec(
                *program.command,
                cwd=program.folder,
                env=variables(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
            async with asyncio.timeout(START_SECONDS):
                check_started(program, await _read(process))
            self._problem, self._unready_since = "", None
            self._start_seconds = asyncio.get_running_loop().time() - self._began
            log.info("the feature store %s answers after %.1f s", self.name, self._start_seconds)
            self._ready.set()
            while True:
                reply = await _read(process)
                _, future = self._pending.popleft()
                if not future.done():
                    future.set_result(reply)
        except (OSError, EOFError, TimeoutError, PilothouseError) as ended:
            self._problem = str(ended) or "its agent ended"
            log.warning("the agent of feature store %s ended: %s", self.name, self._problem)
        finally:
            await self._end()

    def _program(self) -> AgentProgram:
        with self._store.read() as session:
            info = store_rows.info(store_rows.require(session, self.name))
        return store_rows.program_of(self._store, self.name, info.kind, info.settings, info.python)

    async def _end(self) -> None:
        self._ending = True
        self._ready.clear()
        process, self._process = self._process, None
        gone = Unavailable(f"the agent of feature store {self.name!r} has ended.")
        while self._pending:
            _, future = self._pending.popleft()
            if not future.done():
                future.set_exception(gone)
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._ending = False

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """End the process and wait for it."""
        if self._running is not None:
            if not self._ending:  # it would be left half ended
                self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """The next frame. Raises EOFError when the process has ended."""
    assert process.stdout is not None
    head = await process.stdout.readexactly(HEAD.size)
    return dict(json.loads(await process.stdout.readexactly(HEAD.unpack(head)[0])))
