"""Stores that the real MLflow has written, each once, with what MLflow says of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.open_gates import open_gates
from harness.programs import free_port
from harness.running_instance import wait_for
from harness.serving import ServerProcess
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # seen.py is shared by the tests beside this file
START_S = 120.0
ENVIRONMENT = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "DO_NOT_TRACK": "1",
    "GIT_PYTHON_REFRESH": "quiet",
    "NO_PROXY": "127.0.0.1",
}


@dataclass(frozen=True)
class Written:
    """A store of MLflow, and what MLflow says of it."""

    source: str
    told: dict[str, Any]


def tell_story(uri: str, folder: Path, *options: str) -> dict[str, Any]:
    """Let the client write the history there; what it says afterwards."""
    pytest.importorskip("mlflow")
    told = folder / "told.json"
    done = subprocess.run(
        [sys.executable, str(HERE / "story.py"), uri, str(told), *options],
        cwd=folder,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    return found


@pytest.fixture(scope="session")
def folder_store(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("mlruns")
    told = tell_story(f"file://{folder}/mlruns", folder, "prompts")
    return Written(str(folder / "mlruns"), told)


@pytest.fixture(scope="session")
def database_store(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("mlflow-db")
    told = tell_story(f"sqlite:///{folder}/mlflow.db", folder, "prompts")
    return Written(str(folder / "mlflow.db"), told)


@pytest.fixture(scope="session")
def server_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """A real `mlflow server` that keeps its artifacts itself."""
    folder = tmp_path_factory.mktemp("mlflow-server")
    with mlflow_server(folder) as url:
        yield Written(url, tell_story(url, folder, "prompts"))


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    pytest.importorskip("mlflow")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    url = f"http://127.0.0.1:{port}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | ENVIRONMENT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for(lambda: _answers(url), "mlflow server answers", START_S)
            yield url
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def our_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """A server of ours, as a source like any other."""
    folder = tmp_path_factory.mktemp("ours")
    workspace = open_workspace(settings=Settings(workspace=folder / "workspace", actor="ada"))
    with ServerProcess(workspace.store) as server:
        tell_story(server.url, folder, "registers")
        open_gates(workspace, "doubles", 1, 2, 4)
        yield Written(server.url, tell_story(server.url, folder, "moves"))
    workspace.store.engine.dispose()


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Written:
    """The store whose fixture the test names."""
    found: Written = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def mlruns(folder_store: Written, tmp_path: Path) -> Path:
    """A copy of the folder, elsewhere than where it was written, to be damaged."""
    return shutil.copytree(folder_store.source, tmp_path / "copy" / "mlruns", symlinks=True)


@pytest.fixture
def mlflow_db(database_store: Written, tmp_path: Path) -> Path:
    """A copy of the database with its files, elsewhere."""
    shutil.copytree(Path(database_store.source).parent, tmp_path / "db")
    return tmp_path / "db" / "mlflow.db"
