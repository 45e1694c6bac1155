"""Points a second over MLflow's REST API in batches of 1,000, beside bare SQLite.

One client on one kept connection sends batches whose JSON was written before; each is answered
after its commit. The reference is one table of (run, key, step, instant, value) in a WAL file,
one transaction per batch, without key, index, summary or HTTP.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.paired_benchmark import in_turn
from harness.serving import ServerProcess
from harness.tracking_calls import API, Caller
from pilothouse.workspace import open_workspace

BATCHES, SIZE, ROUNDS = 40, 1000, 5
AT_MS = 1_772_366_400_000
JSON = {"Content-Type": "application/json"}
INSERT = "INSERT INTO metric VALUES (?, ?, ?, ?, ?)"


def measure() -> dict[str, Any]:
    """Both in turn, several times; the median round of each, and the median ratio."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(folder)
        with ServerProcess(workspace.store) as server:
            result = in_turn(lambda: batches(server.url), reference, ROUNDS)
        workspace.store.engine.dispose()
    return {
        "work": "mlflow",
        **result,
        "unit": "points/s",
        "reference_is": "bare SQLite in WAL, executemany, one transaction per batch, no HTTP",
    }


def batches(url: str) -> float:
    """Points a second in batches, one run each."""
    bodies = [_body(run) for run in _runs(url, BATCHES)]
    connection = _connected(url)
    began = time.perf_counter()
    for body in bodies:
        _post(connection, "runs/log-batch", body)
    return BATCHES * SIZE / (time.perf_counter() - began)


def reference() -> float:
    """Points a second into bare SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "reference.db")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("CREATE TABLE metric (run INT, key TEXT, step INT, at INT, value REAL)")
        began = time.perf_counter()
        for run in range(BATCHES):
            rows = [(run, f"m{i % 5}", i // 5, AT_MS + i, i / 7) for i in range(SIZE)]
            with db:
                db.executemany(INSERT, rows)
        took = time.perf_counter() - began
        db.close()
    return BATCHES * SIZE / took


def _runs(url: str, count: int) -> list[str]:
    caller = Caller(url)
    runs = [caller.run() for _ in range(count)]
    caller.http.close()
    return runs


def _body(run: str) -> bytes:
    metrics = [
        {"key": f"m{i % 5}", "value": i / 7, "timestamp": AT_MS + i, "step": i // 5}
        for i in range(SIZE)
    ]
    return json.dumps({"run_id": run, "metrics": metrics}).encode()


def _connected(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    connection.request("POST", API + path, body, JSON)
    answer = connection.getresponse()
    if answer.read() != b"{}":
        raise SystemExit(f"{path} was refused with {answer.status}")
