"""Thousands of malformed requests in every protocol: 4xx in words, in little memory, without delay.

The application is called without sockets; the model process and the reader process are real.
"""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import psutil
import pytest

from harness.malformed_bodies import MalformedRequest, malformed_requests
from harness.serving import Worker, workspace_of
from pilothouse.deployments import Deployments
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.kit import garbage
from pilothouse.storage import Store

CALLERS = 6
LONG = (pytest.mark.proof, pytest.mark.timeout(1_800))
MAX_GROWTH = 150 << 20
HEALTH_SECONDS = 0.1  # of processor time: others may use the machine
SLOWEST_SECONDS = 60.0


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory, artifacts: tuple[bytes, bytes]
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("malformed") / "workspace"
    with workspace_of(folder, artifacts[0]) as opened, Worker(opened):
        deployments = Deployments(opened)
        deployments.launch("flights", "late", 1)
        deployments.wait_until_ready("flights")
        yield opened


async def send(
    gateway: Gateway, method: str, request: MalformedRequest
) -> tuple[int, dict[bytes, bytes], bytes]:
    """The answer of the application to one request."""
    messages: list[Any] = [{"type": "http.request", "body": request.body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": request.path,
        "query_string": b"",
        "headers": list(request.headers.items()),
    }
    await gateway(scope, receive, collect)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize("count", [1_500, pytest.param(10_000, marks=LONG)])
def test_malformed_requests_are_refused_in_words(store: Store, count: int) -> None:
    statuses: collections.Counter[int] = collections.Counter()
    delays: list[float] = []

    async def ask(gateway: Gateway, requests: Iterator[MalformedRequest]) -> None:
        for request in requests:
            about = (request.path[:80], request.damages, request.headers, request.body[:300])
            async with asyncio.timeout(SLOWEST_SECONDS):
                status, headers, body = await send(gateway, "POST", request)
            is_busy = status == 503 and b"retry-after" in headers  # of a reader of large bodies
            assert status < 500 or is_busy, (status, body, about)
            statuses[status] += 1
            if status >= 400:
                answer = orjson.loads(body)
                assert 10 < len(answer["error"]) < 5_000, about
            await asyncio.sleep(0)

    async def watch_health(gateway: Gateway) -> None:
        request = MalformedRequest("/v2/health/live", {}, b"")
        while True:
            began = time.thread_time()
            await asyncio.sleep(0.01)
            status, _, _ = await send(gateway, "GET", request)
            delays.append(time.thread_time() - began)
            assert status == 200

    async def main() -> None:
        routes = Routes(store)
        gateway = Gateway(store.folder, routes, max_body=10 << 20, max_rows=10_000, version="0")
        await routes.refresh()
        watching = asyncio.create_task(watch_health(gateway))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CALLERS):
                    group.create_task(ask(gateway, requests))
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            gateway.close()

    requests = iter(list(malformed_requests(count, count)))
    before = psutil.Process().memory_info().rss
    garbage.freeze()  # as the server does: a collection among all modules takes longer
    asyncio.run(main())
    growth = psutil.Process().memory_info().rss - before
    assert {200, 404, 413, 415, 422} <= set(statuses), statuses
    assert sum(statuses.values()) == count
    assert statuses[503] <= count // 50, statuses
    assert growth < MAX_GROWTH, growth
    assert max(delays) < HEALTH_SECONDS, sorted(delays)[-5:]
