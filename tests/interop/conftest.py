"""A real server process that tests may empty, and hands to speak to it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pilothouse.kit.settings import Settings
from pilothouse.testing.serving import ServerProcess
from pilothouse.testing.tracking import Caller
from pilothouse.workspace import Workspace, open_workspace


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A workspace of the machine's clock and the address of its server."""
    folder = tmp_path_factory.mktemp("mlflow") / "workspace"
    workspace = open_workspace(settings=Settings(workspace=folder, actor="ada"))
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
