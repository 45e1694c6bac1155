"""Copies of live requests for the candidates of a shadow rollout; their answers reach nobody.

A copy is queued after the live answer is ready. Each candidate has its own short queue: a copy that
finds it full is dropped and counted, so that callers never wait for a candidate. Pairs of answers
go to a file of the rollout, never to the prediction log, which monitoring reads.

    {"at": us, "version": n, "ms": f, "status": 200, "rows": n, "out": {...},
     "live_version": n, "live_ms": f, "live": {...}}

Both times are those of the model process alone: a copy is not read and checked once more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from pilothouse.deployments.gateway.bodies import CheckedRequest
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.metrics import GatewayMetrics
from pilothouse.deployments.gateway.request import PREDICT_SECONDS
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.gateway.tensors import InferenceResponse
from pilothouse.deployments.model_server.framing import REFUSED, SUCCESS
from pilothouse.deployments.shadow_files import shadow_file
from pilothouse.kit.errors import PilothouseError

log = logging.getLogger("pilothouse.mirrors")
MAX_QUEUED = 64
MAX_VALUES = 200_000  # that one queue holds
IN_FLIGHT = 4
MAX_FILE_BYTES = 512 << 20
REFUSED_STATUS, FAILED_STATUS, NO_PROCESS_STATUS = 422, 500, 503
ANSWERED, DROPPED, FAILED = "answered", "dropped", "failed"


@dataclass(frozen=True)
class _Copy:
    """A request as a candidate takes it, and what the live version answered."""

    request: CheckedRequest
    live_version: int
    live: dict[str, Any]
    live_ms: float


@dataclass
class _Queue:
    """The copies that wait for one candidate."""

    copies: deque[_Copy] = field(default_factory=deque)
    values: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass
class Mirrors:
    """Sends copies to candidates; used in the server's event loop."""

    workspace: Path
    routes: Routes
    metrics: GatewayMetrics
    _queues: dict[tuple[str, int], _Queue] = field(default_factory=dict)
    _sizes: dict[Path, int] = field(default_factory=dict)

    def offer(
        self,
        route: DeploymentRoute,
        key: str,
        request: CheckedRequest,
        live: InferenceResponse,
        seconds: float,
    ) -> None:
        """Queue copies of an answered request, as the deployment's split says.

        `seconds` is how long the live version's process took.
        """
        if route.traffic is None or not route.traffic.mirrors:
            return
        for version in route.traffic.mirrored(key):
            variant = route.variant(version)
            if variant is not None:
                copied = _for_signature(request, variant.signature.names)
                pair = _Copy(copied, live.version, live.logged, round(seconds * 1_000, 3))
                self._queue_copy(route.name, version, pair)

    def _queue_copy(self, name: str, version: int, copied: _Copy) -> None:
        queue = self._queues.setdefault((name, version), _Queue())
        values = _values(copied.request)
        if len(queue.copies) >= MAX_QUEUED or queue.values + values > MAX_VALUES:
            self.metrics.mirrored[name, version, DROPPED] += 1
            return
        queue.copies.append(copied)
        queue.values += values
        if len(queue.tasks) < IN_FLIGHT:
            task = asyncio.create_task(self._send(name, version, queue))
            queue.tasks.add(task)
            task.add_done_callback(queue.tasks.discard)

    async def _send(self, name: str, version: int, queue: _Queue) -> None:
        """Send copies until none is left; one that cannot be sent is dropped and counted."""
        await asyncio.sleep(0)  # the live answer goes first
        while queue.copies:
            copied = queue.copies.popleft()
            queue.values -= _values(copied.request)
            try:
                outcome = await self._answer(name, version, copied)
            except (OSError, PilothouseError) as lost:
                log.warning("a copy for %s version %d is lost: %s", name, version, lost)
                outcome = DROPPED
            self.metrics.mirrored[name, version, outcome] += 1

    async def _answer(self, name: str, version: int, copied: _Copy) -> str:
        route = self.routes.get(name)
        variant = route.variant(version)
        connection = None if variant is None else self.routes.ready_connection(variant)
        if variant is None or connection is None or route.traffic is None:
            return DROPPED
        began = time.perf_counter()
        try:
            raw = await connection.predict(copied.request, PREDICT_SECONDS)
            status, logged = _read(variant, copied.request, raw)
        except (ConnectionError, TimeoutError):
            status, logged = NO_PROCESS_STATUS, {}
        line = {
            "at": time.time_ns() // 1_000,
            "version": version,
            "ms": round((time.perf_counter() - began) * 1_000, 3),
            "status": status,
            "rows": copied.request.rows,
            "out": logged,
            "live_version": copied.live_version,
            "live_ms": copied.live_ms,
            "live": copied.live,
        }
        path = shadow_file(self.workspace, name, route.traffic.salt)
        return self._append(path, line, ANSWERED if status < REFUSED_STATUS else FAILED)

    def _append(self, path: Path, line: dict[str, Any], outcome: str) -> str:
        """Write a pair; a file that has got too large takes no more."""
        data = orjson.dumps(line) + b"\n"
        if path not in self._sizes:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sizes[path] = path.stat().st_size if path.exists() else 0
        if self._sizes[path] + len(data) > MAX_FILE_BYTES:
            return DROPPED
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._sizes[path] += os.write(descriptor, data)
        finally:
            os.close(descriptor)
        return outcome

    async def drained(self) -> None:
        """Wait until every copy is sent or dropped, for tests."""
        while tasks := [task for queue in self._queues.values() for task in queue.tasks]:
            await asyncio.gather(*tasks)

    def close(self) -> None:
        """Drop what waits."""
        for queue in self._queues.values():
            queue.copies.clear()
            for task in queue.tasks:
                task.cancel()


def _read(
    variant: DeploymentRoute, request: CheckedRequest, raw: bytes
) -> tuple[int, dict[str, Any]]:
    """The status and the outputs of a candidate's answer, as a caller would have got them."""
    if raw[:1] != SUCCESS:
        return (REFUSED_STATUS if raw[:1] == REFUSED else FAILED_STATUS), {}
    try:
        ids = [""] * request.rows
        rows = orjson.loads(memoryview(raw)[1:])
        answer = variant.answers.response(variant.name, variant.version, "", ids, rows)
    except (PilothouseError, orjson.JSONDecodeError):
        return FAILED_STATUS, {}
    return 200, answer.logged


def _values(request: CheckedRequest) -> int:
    return request.rows * len(request.names)


def _for_signature(request: CheckedRequest, names: tuple[str, ...]) -> CheckedRequest:
    """The request with the columns of another version, which may be in another order."""
    if names == request.names:
        return request
    if request.values is not None:
        missing = [None] * request.rows
        values = {name: request.values.get(name, missing) for name in names}
        return replace(request, names=names, values=values)
    parts = dict(zip(request.names, request.parts, strict=True))
    empty = orjson.dumps([None] * request.rows)
    return replace(request, names=names, encoded=[parts.get(name, empty) for name in names])
