"""A real server process that tests may empty, and hands to speak to it over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from harness.postgres import postgresql, why_not
from harness.serving import ServerProcess
from harness.tracking_calls import Caller
from harness.webhook_receiver import Receiver, receiving
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

sys.path.insert(0, str(Path(__file__).parent))  # the lists that tests here share


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the workspace's database is: in its folder, unless a test asks for PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield ""
    elif missing := why_not():
        pytest.skip(missing)
    else:
        with postgresql() as url:
            yield url


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, database: str
) -> Iterator[tuple[Workspace, str]]:
    """A workspace of the machine's clock and the address of its server."""
    folder = tmp_path_factory.mktemp("mlflow") / "workspace"
    settings = Settings(workspace=folder, actor="ada", database_url=database)
    workspace = open_workspace(settings=settings)
    with ServerProcess(workspace.store, allow_reset=True) as server:
        yield workspace, server.url
    workspace.store.engine.dispose()


@pytest.fixture
def url(served: tuple[Workspace, str]) -> str:
    """The address of the server, whose workspace is empty."""
    answer = httpx.post(f"{served[1]}/api/testing/reset", timeout=60, trust_env=False)
    assert answer.status_code == 200
    return served[1]


@pytest.fixture
def ours(served: tuple[Workspace, str], url: str) -> Workspace:
    """The same workspace as our own verbs see it."""
    return served[0]


@pytest.fixture
def caller(url: str) -> Iterator[Caller]:
    made = Caller(url)
    yield made
    made.http.close()


@pytest.fixture(scope="session")
def inner_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A server whose webhooks may call this machine, with its workspace."""
    folder = tmp_path_factory.mktemp("webhooks") / "workspace"
    settings = Settings(workspace=folder, actor="ada", webhook_private_addresses=True)
    workspace = open_workspace(settings=settings)
    with ServerProcess(workspace.store, allow_reset=True) as server:
        yield workspace, server.url
    workspace.store.engine.dispose()


@pytest.fixture
def inner_url(inner_served: tuple[Workspace, str]) -> str:
    """The address of that server, whose workspace is empty."""
    httpx.post(f"{inner_served[1]}/api/testing/reset", timeout=60, trust_env=False)
    return inner_served[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody on this machine who hears of events."""
    with receiving() as found:
        yield found


@pytest.fixture
def mlflow(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The client's package, told the one line: where to log."""
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "NO_PROXY": "127.0.0.1",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    found: ModuleType = pytest.importorskip("mlflow")
    found.set_tracking_uri(url)
    found.set_registry_uri(url)
    found.set_experiment(experiment_id="0")
    yield found
    while found.active_run():
        found.end_run()


@pytest.fixture
def client(mlflow: Any) -> Any:
    return mlflow.MlflowClient()
