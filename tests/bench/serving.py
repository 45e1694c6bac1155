"""Answers a second and their latencies beside MLServer: the same model, client and requests.

Logistic regression on scaled numbers and a random forest of 100 trees, of 30 numbers, one row a
request, with 1 and 16 connections, both servers with one process for the model. Ours logs every
prediction before it answers. Beside rates, the CPU of the server's processes per answer is given:
on a busy machine only that and the ratios mean something. Where MLServer cannot be installed, the
reference is a loop of `predict_proba` in this process.
"""

from __future__ import annotations

import asyncio
import io
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from harness.http_load import Load, load, post_request
from harness.mlserver import mlserver
from harness.serving import ServerProcess, Worker, register
from pilothouse.deployments import Deployments
from pilothouse.deployments.gateway.connections import ModelConnection
from pilothouse.deployments.gateway.deployment_route import DeploymentRoute
from pilothouse.deployments.gateway.gateway import Gateway
from pilothouse.deployments.gateway.routes import Routes
from pilothouse.deployments.model_server.framing import FrameClient
from pilothouse.deployments.prediction_log.journal import Journal
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a model process
MODELS, CONNECTIONS = ("logistic", "forest"), (1, 16)
ROUNDS, SECONDS, COLUMNS, LOGGED = 3, 3.0, 30, 5_000
NAMES = [f"number_{i}" for i in range(COLUMNS)]
SIGNATURE = Signature(
    inputs=tuple(SignatureField(name, "number", low=-3.0, high=3.0) for name in NAMES),
    target="late",
    classes=(0, 1),
    positive=1,
)


@dataclass(frozen=True)
class Served:
    """Where a model answers, the processes that do it, and what its start took."""

    port: int
    processes: tuple[psutil.Process, ...]
    start_seconds: float

    def cpu_seconds(self) -> float:
        """CPU of all processes so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def memory_mb(self) -> float:
        """Resident memory of all processes."""
        return float(sum(process.memory_info().rss for process in self.processes) / 2**20)


def measure() -> dict[str, Any]:
    """Every model and number of connections in turn, several rounds; medians."""
    result: dict[str, Any] = {"work": "serving"}
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            result |= _of_model(name, Path(folder) / name)
        result |= {"gateway_us": _gateway_us(Path(folder)), "log_us": _log_us(Path(folder))}
    ours, reference = result["logistic_1_rate"], result["logistic_1_reference"]
    return result | {
        "ours": ours,
        "reference": reference,
        "ratio": round(ours / reference, 2),
        "unit": "answers/s of a linear model, one connection",
        "rounds": ROUNDS,
    }


def _of_model(name: str, folder: Path) -> dict[str, Any]:
    """Rates, latencies and CPU of one model, ours and theirs."""
    folder.mkdir()
    artifact, model = _trained(name)
    file = folder / "request"
    with _ours(folder / "ours", artifact) as ours, _theirs(folder / "theirs", artifact) as theirs:
        result: dict[str, Any] = {}
        for connections in CONNECTIONS:
            rounds = [_round(ours, theirs, connections, file, model) for _ in range(ROUNDS)]
            result |= {
                f"{name}_{connections}_{what}": _rounded(statistics.median(r[what] for r in rounds))
                for what in rounds[0]
            }
        result[f"{name}_start_s"] = round(ours.start_seconds, 2)
        result[f"{name}_memory_mb"] = round(ours.memory_mb())
        if theirs is not None:
            result[f"{name}_reference_start_s"] = round(theirs.start_seconds, 2)
            result[f"{name}_reference_memory_mb"] = round(theirs.memory_mb())
    result["reference_is"] = "predict_proba in process" if theirs is None else "MLServer 1.7.1"
    return result


def _round(
    ours: Served, theirs: Served | None, connections: int, file: Path, model: Any
) -> dict[str, float]:
    own, own_us = _loaded(ours, connections, file)
    result = {"rate": own.rate, "p50_ms": own.p50_ms, "p99_ms": own.p99_ms, "cpu_us": own_us}
    if theirs is None:
        result["reference"] = _loop_rate(model)
    else:
        other, other_us = _loaded(theirs, connections, file)
        result |= {
            "reference": other.rate,
            "reference_p50_ms": other.p50_ms,
            "reference_p99_ms": other.p99_ms,
            "reference_cpu_us": other_us,
        }
    return result | {"ratio": own.rate / result["reference"]}


def _loaded(served: Served, connections: int, file: Path) -> tuple[Load, float]:
    """What the client measured, and the server's microseconds of CPU for an answer."""
    file.write_bytes(_request(served.port))
    before = served.cpu_seconds()
    measured = load(served.port, connections, SECONDS, file)
    return measured, (served.cpu_seconds() - before) / measured.requests * 1e6


def _request(port: int) -> bytes:
    row = [0.25 + place / 100 for place in range(COLUMNS)]
    tensor = {"name": "x", "shape": [1, COLUMNS], "datatype": "FP64", "data": [row]}
    body = orjson.dumps({"inputs": [tensor], "outputs": [{"name": "predict_proba"}]})
    return post_request(port, "/v2/models/bench/infer", body)


@contextmanager
def _ours(folder: Path, artifact: bytes) -> Iterator[Served]:
    """The model behind the real server."""
    store = open_workspace(settings=Settings(workspace=folder)).store
    register(store, "bench", artifact, signature=SIGNATURE, example=[dict.fromkeys(NAMES, 0.5)])
    deployments = Deployments(store)
    with Worker(store) as _, ServerProcess(store) as server:
        deployments.launch("bench", "bench", 1)
        [replica] = deployments.wait_until_ready("bench").replicas
        processes = psutil.Process(server.pid), psutil.Process(replica.pid)
        port = int(server.url.rsplit(":", 1)[1])
        yield Served(port, processes, replica.start_seconds or 0.0)
    store.engine.dispose()


@contextmanager
def _theirs(folder: Path, artifact: bytes) -> Iterator[Served | None]:
    """The same file behind MLServer; None where that cannot be installed."""
    try:
        from harness.mlserver import interpreter

        interpreter()
    except (subprocess.CalledProcessError, OSError):
        yield None
        return
    with mlserver(folder, artifact) as running:
        yield Served(running.port, (running.process,), running.start_seconds)


def _trained(name: str) -> tuple[bytes, Any]:
    import joblib
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.random.default_rng(7).normal(size=(600, COLUMNS))
    late = (rows[:, 0] + rows[:, 1] + rows[:, 2] > 0).astype(int)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    model = linear if name == "logistic" else RandomForestClassifier(100, random_state=0)
    file = io.BytesIO()
    joblib.dump(model.fit(rows, late), file)
    return file.getvalue(), model


def _loop_rate(model: Any) -> float:
    import numpy as np

    row, count, began = np.full((1, COLUMNS), 0.5), 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        model.predict_proba(row)
        count += 1
    return count / spent


class _Answering(ModelConnection):
    """A connection that has the answer at once, once the payload of the request is made."""

    async def predict(self, request: Any, seconds: float) -> bytes:
        """The same row for every request."""
        request.numbers()
        return b"+[[0.25,0.75]]"


class _OneRoute(Routes):
    """The route of one deployment, whose model answers at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._route = DeploymentRoute("bench", "bench", 1, False, SIGNATURE, ())
        self._answering = _Answering(FrameClient())

    def get(self, name: str) -> DeploymentRoute:
        """The only route."""
        return self._route

    async def get_or_refresh(self, name: str) -> DeploymentRoute:
        """The only route."""
        return self._route

    async def connection(
        self, name: str, deadline: float, choice: Any
    ) -> tuple[DeploymentRoute, ModelConnection]:
        """The version that the choice takes, and the connection."""
        choice.answered = choice.routes(self._route)[0]
        return self._route, self._answering


def _gateway_us(folder: Path) -> float:
    """CPU of the gateway for a request: from its body to its response, logged, without HTTP."""
    store = open_workspace(settings=Settings(workspace=folder / "gateway")).store
    try:
        return round(asyncio.run(_gateway_cpu(store)), 1)
    finally:
        store.engine.dispose()


async def _gateway_cpu(store: Store) -> float:
    gateway = Gateway(store.folder, _OneRoute(store), 1 << 20, 1_000, "0")
    request = _request(0)
    body = request.partition(b"\r\n\r\n")[2]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": "/v2/models/bench/infer", "headers": headers}
    statuses: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 200))

    async def ask(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            await gateway(dict(scope), receive, send)
        return (time.process_time() - began) / count * 1e6

    await ask(200)
    best = min([await ask(LOGGED // 5) for _ in range(5)])
    assert set(statuses) == {200}, set(statuses)
    gateway.close()
    return best


def _log_us(folder: Path) -> float:
    """CPU of writing a prediction of 30 numbers into the journal."""
    journal = Journal(folder / "journal" / "log", seal_bytes=1 << 40)
    row = {name: 0.25 + place / 100 for place, name in enumerate(NAMES)}
    line = {"version": 1, "rows": 1, "ms": 0.5, "status": 200, "ids": ["0" * 36], "model": "bench"}

    def write(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            at = journal.stamp()
            about = {"at": at, **line, "event": [at // 1_000], "out": {"score": [0.75]}}
            journal.predictions(1, SIGNATURE, about | {"row": row})
        return (time.process_time() - began) / count * 1e6

    best = min(write(LOGGED // 5) for _ in range(5))
    journal.seal()
    return round(best, 1)


def _rounded(value: float) -> float:
    return round(value, 3) if value < 100 else round(value)
