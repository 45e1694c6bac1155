"""A folder of hand-made wheels, from which the real uv builds without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.environments import Open
from harness.package_index import PackageIndex, make_wheel, serve_index
from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

OF_UV = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "orjson", "3.10.0")
    make_wheel(folder, "alpha", "1.0", requires=["beta>=1"], size=300_000)
    make_wheel(folder, "alpha", "2.0", requires=["beta>=2"], size=300_000)
    make_wheel(folder, "beta", "1.0")
    make_wheel(folder, "beta", "2.0")
    make_wheel(folder, "old", "1.0", tag="cp39-cp39-manylinux_2_17_x86_64")
    return folder


@pytest.fixture
def opened(new_folder: Path, clock: FixedClock) -> Iterator[Open]:
    """Open a workspace with settings of the test's own."""
    workspaces = []

    def open_(**settings: Any) -> Workspace:
        values = {"workspace": new_folder, "actor": "ada", "code_patch": False}
        workspaces.append(open_workspace(settings=Settings(**values | settings), clock=clock))
        return workspaces[-1]

    yield open_
    for workspace in workspaces:
        workspace.store.engine.dispose()


@pytest.fixture
def sealed(opened: Open, wheels: Path) -> Workspace:
    """A workspace that builds from the folder of wheels alone."""
    return opened(environment_wheels=str(wheels))


@pytest.fixture
def index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """A package index of the wheels, which uv is configured with."""
    for name in OF_UV:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve_index(wheels) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        yield index
