"""A workspace on the machine's clock with two versions of a real model; no process outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilothouse.deployments import Deployments
from pilothouse.deployments.controller import Controller
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.testing.serving import register, trained
from pilothouse.workspace import open_workspace


@pytest.fixture(scope="session")
def artifacts() -> tuple[bytes, bytes]:
    return trained(1.0), trained(0.01)


@pytest.fixture
def registered(tmp_path: Path, artifacts: tuple[bytes, bytes]) -> Iterator[Store]:
    """Two versions of the model `late`."""
    settings = Settings(workspace=tmp_path / "workspace", actor="ada")
    store = open_workspace(settings=settings).store
    register(store, "late", *artifacts)
    yield store
    Controller(store).stop_all()
    store.engine.dispose()


@pytest.fixture
def deployments(registered: Store) -> Deployments:
    return Deployments(registered)
