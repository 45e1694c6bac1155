"""Whatever body is sent, the server answers others at once and its memory stays bounded."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from harness.large_bodies import KINDS, LargeBody, large_bodies
from harness.serving import ServerProcess, Worker, workspace_of
from pilothouse.deployments import Deployments
from pilothouse.http import connections

SEED, COUNT, CALLERS = 7, 500, 4
HEALTH_SECONDS, SERVER_BYTES = 1.0, 600 << 20


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, artifacts: tuple[bytes, bytes]
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("large") / "workspace"
    with workspace_of(folder, *artifacts) as store, ServerProcess(store) as process, Worker(store):
        Deployments(store).launch("flights", "late", 1)
        Deployments(store).wait_until_ready("flights")
        yield process


WATCH = """
import http.client, os, sys, threading, time
import psutil
port, process = int(sys.argv[1]), psutil.Process(int(sys.argv[2]))
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
slowest = peak = 0
busy = 2 * os.cpu_count()

def spent():
    times = process.cpu_times()
    return times.user + times.system

while not stop.wait(0.05):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    began, before = time.perf_counter(), spent()
    line.request("GET", "/healthz")
    answer = line.getresponse()
    answer.read()
    assert answer.status == 200
    waited = time.perf_counter() - began
    if os.getloadavg()[0] > busy:  # others keep the processors: what the server did itself counts
        waited = min(waited, spent() - before)
    slowest = max(slowest, waited)
    line.close()
    peak = max(peak, process.memory_info().rss)
print(slowest, peak)
"""


class Watch:
    """The slowest answer of /healthz and the most memory, seen from a process of its own.

    On a machine that others keep busy, waiting for a processor is not counted.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._command = [sys.executable, "-c", WATCH, server.url.rsplit(":", 1)[1]]
        self._command.append(str(server.pid))
        self.slowest, self.peak = 0.0, 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True) as process:
            yield
            written, _ = process.communicate()
        assert process.returncode == 0
        self.slowest, self.peak = map(float, written.split())


def send(client: httpx.Client, sent: LargeBody) -> tuple[str, int]:
    headers = {"Content-Type": sent.content_type}
    if sent.encoding:
        headers["Content-Encoding"] = sent.encoding
    return sent.kind, client.post(sent.path, content=sent.body, headers=headers).status_code


def test_500_large_bodies_leave_the_server_answering(server: ServerProcess) -> None:
    watch = Watch(server)
    bodies = large_bodies(SEED, COUNT)
    lock = threading.Lock()
    answers: Counter[tuple[str, int]] = Counter()

    def caller() -> None:
        with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
            while True:
                with lock:
                    body = next(bodies, None)
                if body is None:
                    return
                answers[send(client, body)] += 1

    with watch.watching(), ThreadPoolExecutor(CALLERS) as crowd:
        for work in [crowd.submit(caller) for _ in range(CALLERS)]:
            work.result()
    assert sum(answers.values()) == COUNT
    assert {status for _, status in answers} <= {200, 400, 404, 413, 422, 503}
    assert watch.slowest < HEALTH_SECONDS
    assert watch.peak < SERVER_BYTES


def test_large_requests_that_are_right_are_answered(server: ServerProcess) -> None:
    rows = b'{"instances":[' + b",".join([b'{"distance":500.5,"carrier":"AA"}'] * 10_000) + b"]}"
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        answer = client.post(
            "/invocations", content=rows, headers={"Content-Type": "application/json"}
        )
        small = client.post(
            "/invocations", json={"instances": [{"distance": 500.5, "carrier": "AA"}]}
        )
    assert answer.status_code == 200
    assert answer.json()["scores"] == pytest.approx(small.json()["scores"] * 10_000)


def test_every_kind_of_large_body_is_made(server: ServerProcess) -> None:
    assert {body.kind for body in large_bodies(1, len(KINDS))} == set(KINDS)


def closed(line: socket.socket, seconds: float) -> bytes:
    line.settimeout(seconds)
    received = b""
    while piece := line.recv(1 << 16):
        received += piece
    return received


def test_a_head_that_is_too_large_is_refused(server: ServerProcess) -> None:
    address = ("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    many = b"".join(b"x-%d: %b\r\n" % (i, b"v" * 90) for i in range(2_000))
    for head in (many, many + b"\r\n", b"x: " + b"v" * 300_000):
        with socket.create_connection(address) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head)
            assert closed(line, 10).startswith(b"HTTP/1.1 431")


class _Transport:
    """A transport that has taken nothing of an answer."""

    unread = 0

    def get_write_buffer_size(self) -> int:
        return self.unread


def protocol() -> connections.LimitedProtocol:
    made = object.__new__(connections.LimitedProtocol)
    made.phase, made.since, made.last, made.received = connections.HEAD, 0.0, 0.0, 0
    made._unread, made._unread_since = 0, 0.0
    made.flow, made.transport = None, _Transport()  # type: ignore[assignment]
    return made


def test_callers_that_take_too_long_are_told_apart_from_those_that_may() -> None:
    slow = protocol()
    assert slow.fault(connections.HEAD_SECONDS) == ""
    assert slow.fault(connections.HEAD_SECONDS + 1) == "sent no request"
    slow.phase = connections.ANSWERING
    assert slow.fault(1_000) == ""
    slow.phase, slow.since, slow.last = connections.BODY, 1_000, 1_000
    assert slow.fault(1_000 + connections.SILENT_SECONDS + 1) == "stopped in the middle of a body"
    slow.last, slow.received = 1_099, 10_000
    assert slow.fault(1_100) == "sent a body too slowly"
    slow.received = 100 * connections.BODY_BYTES_PER_SECOND
    assert slow.fault(1_100) == ""
    slow.transport.unread = 5  # type: ignore[attr-defined]
    assert slow.fault(1_101) == ""
    assert slow.fault(1_102 + connections.UNREAD_SECONDS) == "did not read its response"
