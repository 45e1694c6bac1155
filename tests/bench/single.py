"""Requests a second with one metric each, of eight clients at once, as bare HTTP.

Each client keeps its connection and logs into a run of its own, in ours and in `mlflow server`
with one worker on SQLite; every request is answered after its commit.
"""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from harness.mlflow_server import side_by_side
from harness.paired_benchmark import in_turn
from harness.tracking_calls import API, Caller

CLIENTS, OURS, THEIRS, ROUNDS = 8, 200, 20, 5
AT_MS = 1_772_366_400_000


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    with (
        tempfile.TemporaryDirectory() as folder,
        side_by_side(Path(folder)) as (_, local, reference),
    ):
        logged(local, 5)
        logged(reference, 5)
        result = in_turn(lambda: logged(local, OURS), lambda: logged(reference, THEIRS), ROUNDS)
    return {
        "work": "single",
        **result,
        "unit": "requests/s",
        "reference_is": "mlflow server on SQLite, the same requests",
        "clients": CLIENTS,
    }


def logged(url: str, count: int) -> float:
    """Requests a second of eight clients, `count` each."""
    caller = Caller(url)
    runs = [caller.run() for _ in range(CLIENTS)]
    caller.http.close()
    host, port = url.removeprefix("http://").split(":")
    address = host, int(port)

    def log(run: str) -> None:
        with socket.create_connection(address, timeout=120) as line:
            for request in _requests(run, count):
                line.sendall(request)
                _read_answer(line)

    threads = [threading.Thread(target=log, args=(run,)) for run in runs]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CLIENTS * count / (time.perf_counter() - began)


def _requests(run: str, count: int) -> list[bytes]:
    """Requests written before, so that the client costs as little as a client can."""
    requests = []
    for step in range(count):
        point = {"run_id": run, "key": "m", "value": 0.5, "timestamp": AT_MS, "step": step}
        body = json.dumps(point).encode()
        head = f"POST {API}runs/log-metric HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head.encode() + body)
    return requests


def _read_answer(line: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\r\n\r\n{}"):
        piece = line.recv(65536)
        if not piece or b"error_code" in piece:
            raise SystemExit(f"a metric was refused: {answer + piece!r}")
        answer += piece
