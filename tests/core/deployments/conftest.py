"""A small real model, registered, and the processes to serve it; nothing outlives a test."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pilothouse.deployments import Deployments
from pilothouse.deployments.controller import Controller
from pilothouse.deployments.surroundings import environment
from pilothouse.experiments.signature import Field, Signature
from pilothouse.kit.processes import Address, find
from pilothouse.kit.settings import Settings
from pilothouse.registry import versions
from pilothouse.registry.versions import Source
from pilothouse.storage import Store
from pilothouse.workspace import open_workspace

SIGNATURE = Signature(
    inputs=(
        Field("distance", "number"),
        Field("carrier", "string"),
        Field("wind", "number", required=False),
    ),
    target="late",
    classes=(0, 1),
    positive=1,
)
EXAMPLE = [{"distance": 500.0, "carrier": "AA", "wind": None}]


@pytest.fixture(scope="session")
def trained() -> tuple[bytes, bytes]:
    """Two versions of one model, as joblib wrote them."""
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    draw = np.random.default_rng(1)
    rows = 400
    frame = pd.DataFrame(
        {
            "distance": draw.normal(500, 100, rows),
            "carrier": draw.choice(["AA", "B6", "UA"], rows),
            "wind": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(10, 3, rows)),
        }
    )
    late = (frame["wind"].fillna(10) + draw.normal(0, 2, rows) > 11).astype(int)
    made = []
    for strength in (1.0, 0.01):
        model = make_pipeline(
            make_column_transformer(
                (SimpleImputer(), ["distance", "wind"]),
                (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
            ),
            LogisticRegression(C=strength, max_iter=1000),
        ).fit(frame, late)
        file = io.BytesIO()
        joblib.dump(model, file)
        made.append(file.getvalue())
    return made[0], made[1]


@pytest.fixture
def live_store(tmp_path: Path) -> Iterator[Store]:
    """A workspace on the machine's clock: processes cannot be handed another."""
    settings = Settings(workspace=tmp_path / "workspace", actor="ada", server_port=0)
    workspace = open_workspace(settings=settings)
    yield workspace.store
    Controller(workspace.store).stop_all()
    workspace.store.engine.dispose()


@pytest.fixture
def registered(live_store: Store, trained: tuple[bytes, bytes]) -> Store:
    """Two versions of the model `late`."""
    register(live_store, *trained)
    return live_store


def register(store: Store, *artifacts: bytes) -> None:
    for data in artifacts:
        source = Source(
            digest=store.artifacts.put_bytes(data),
            signature=SIGNATURE,
            input_example=EXAMPLE,
            metrics={},
            imported="a test",
        )
        with store.write() as session:
            versions.register_import(session, store, "late", source)


@pytest.fixture
def deployments(registered: Store) -> Deployments:
    return Deployments(registered)


@pytest.fixture
def server(registered: Store) -> Iterator[Callable[[], Address]]:
    """Starts the real server, and starts it again when called again."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> Address:
        log = registered.log_folder / "server.log"
        with log.open("ab") as out:
            code = "from pathlib import Path; import sys; " + (
                "from pilothouse.kit.settings import Settings; "
                "from pilothouse.http.server import serve; "
                "serve(Settings(workspace=Path(sys.argv[1]), server_port=int(sys.argv[2])))"
            )
            command = [sys.executable, "-P", "-c", code, str(registered.folder), "0"]
            started.append(subprocess.Popen(command, stdout=out, stderr=out, env=environment()))
        found = wait_for(lambda: running(registered, started[-1]), log)
        assert found is not None
        return found

    yield start
    for process in started:
        process.kill()
        process.wait()


def running(store: Store, process: subprocess.Popen[bytes]) -> Address | None:
    found = find(store.run_folder, "server")
    return found if found and found.pid == process.pid else None


def wait_for(ready: Callable[[], object], log: Path | None = None, seconds: float = 60.0) -> object:
    """What `ready` says once it says something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.02)
    raise AssertionError(log.read_text() if log and log.exists() else "it did not happen in time")


def tick_until(
    controller: Controller, ready: Callable[[], object], seconds: float = 60.0
) -> object:
    """Let the controller look again and again until `ready` says something true."""

    def look() -> object:
        controller.tick()
        return ready()

    return wait_for(look, seconds=seconds)
