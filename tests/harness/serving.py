"""For tests and benchmarks of serving: a real model, a running controller, a running server."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil

from harness.working_threads import WorkingThreads
from pilothouse.cli.worker import DEPLOYMENT_TICK_S
from pilothouse.deployments import Deployments
from pilothouse.deployments.controller.controller import Controller, stop_all
from pilothouse.deployments.model_server.child_environment import environment
from pilothouse.deployments.model_server.start import MODULE
from pilothouse.deployments.rollouts.rollout_controller import RolloutController
from pilothouse.experiments.trusted_models import record_written
from pilothouse.kit.processes import ProcessAddress, find
from pilothouse.kit.settings import Settings
from pilothouse.models.signature import Signature, SignatureField
from pilothouse.registry import versions
from pilothouse.registry.versions import VersionSource
from pilothouse.storage import Store, open_store
from pilothouse.storage.migrate import migrate

T = TypeVar("T")
SIGNATURE = Signature(
    inputs=(
        SignatureField("distance", "number"),
        SignatureField("carrier", "string"),
        SignatureField("wind", "number", required=False),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
EXAMPLE: list[dict[str, Any]] = [{"distance": 500.0, "carrier": "AA", "wind": None}]
SERVER = """
import sys
from pilothouse.http.server import serve
from pilothouse.kit.settings import Settings
settings, reset = sys.argv[1:]
serve(Settings.model_validate_json(settings), allow_reset=reset == "reset")
"""


def trained(strength: float = 1.0, *, shuffled: bool = False) -> bytes:
    """A logistic regression over the mixed columns of `SIGNATURE`, as joblib writes it.

    With `shuffled` labels it has learnt nothing.
    """
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    draw, rows = np.random.default_rng(1), 400
    wind = np.where(draw.random(rows) < 0.1, np.nan, draw.normal(10, 3, rows))
    carrier = draw.choice(["AA", "B6", "UA"], rows)
    frame = pd.DataFrame(
        {"distance": draw.normal(500, 100, rows), "carrier": carrier, "wind": wind}
    )
    late = (frame["wind"].fillna(10) + draw.normal(0, 2, rows) > 11).astype(int)
    if shuffled:
        late = late.sample(frac=1.0, random_state=2).reset_index(drop=True)
    prepared = make_column_transformer(
        (SimpleImputer(), ["distance", "wind"]),
        (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
    )
    model = make_pipeline(prepared, LogisticRegression(C=strength, max_iter=1000))
    file = io.BytesIO()
    joblib.dump(model.fit(frame, late), file)
    return file.getvalue()


def register(
    store: Store,
    model: str,
    *artifacts: bytes,
    signature: Signature = SIGNATURE,
    example: list[dict[str, Any]] = EXAMPLE,
) -> None:
    """Make the artifacts the next versions of a model."""
    for data in artifacts:
        digest = store.artifacts.put_bytes(data)
        source = VersionSource(digest, signature, example, metrics={}, imported="a test")
        with store.write() as session:
            record_written(session, store, digest, "a test")
            versions.register_import(session, store, model, source)


@contextmanager
def workspace_of(folder: Path, *artifacts: bytes) -> Iterator[Store]:
    """A workspace on the machine's clock with the model `late`; no model process outlives it."""
    store = open_store(Settings(workspace=folder, actor="ada"))
    migrate(store)
    register(store, "late", *artifacts)
    yield store
    stop_all(store)
    store.engine.dispose()


class Worker(WorkingThreads):
    """A controller that looks at the workspace in a thread, as the worker's does.

    Rollouts are moved on too, in a thread of their own.
    """

    def __init__(self, store: Store) -> None:
        self._controller = Controller(store)
        self._rollouts = RolloutController(store)
        ticks = (self._controller.tick_when_due, self._rollouts.tick)
        super().__init__(*(partial(self._work, tick) for tick in ticks))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._rollouts.close()
        self._controller.stop_all()

    def _work(self, tick: Callable[[], None]) -> None:
        while not self.stop.wait(DEPLOYMENT_TICK_S):
            tick()


class ServerProcess:
    """The real server in a process of its own, which tests may kill and start again."""

    def __init__(self, store: Store, port: int = 0, *, allow_reset: bool = False) -> None:
        self._store = store
        self._port = port
        self._reset = "reset" if allow_reset else "keep"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> ProcessAddress:
        """Start it, on the port it had before, and wait until it answers."""
        log = self._store.log_folder / "server.log"
        changes = {"workspace": self._store.folder, "server_port": self._port}
        settings = self._store.settings.model_copy(update=changes).model_dump_json()
        command = [sys.executable, "-P", "-c", SERVER, settings, self._reset]
        with log.open("ab") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
        address = wait_for(self._running, log=log)
        self._port = address.port
        return address

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _running(self) -> ProcessAddress | None:
        result = find(self._store.run_folder, "server")
        return result if result and result.pid == self.pid else None


def wait_for(ready: Callable[[], T | None], seconds: float = 60.0, log: Path | None = None) -> T:
    """What `ready` says once it says something true; AssertionError when that takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if actual := ready():
            return actual
        time.sleep(0.02)
    log_text = log.read_text() if log is not None and log.exists() else ""
    raise AssertionError(f"it did not happen within {seconds} s. {log_text}")


def running_models(store: Store) -> list[int]:
    """The pids of a workspace's model processes."""
    running = []
    for process in psutil.process_iter(["cmdline", "status"]):
        arguments = process.info["cmdline"] or []
        is_ours = any(word.startswith(str(store.run_folder)) for word in arguments)
        if MODULE in arguments and is_ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            running.append(process.pid)
    return running


@contextmanager
def serving(store: Store, version: int) -> Iterator[ServerProcess]:
    """A server, a worker and the deployment `flights` of a version of `late`, which is ready."""
    deployments = Deployments(store)
    with Worker(store), ServerProcess(store) as running:
        deployments.launch("flights", "late", version)
        deployments.wait_until_ready("flights")
        yield running


def cancel_rollout(store: Store) -> None:
    """Leave no rollout of `flights` to the next test."""
    if Deployments(store).active_rollout("flights") is not None:
        Deployments(store).cancel_rollout("flights")
