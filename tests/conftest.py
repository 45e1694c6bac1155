"""A real workspace in a temporary folder, with a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.storage import Store
from pilothouse.workspace import Workspace, open_workspace


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
def workspace(tmp_path: Path, clock: FixedClock) -> Iterator[Workspace]:
    settings = Settings(workspace=tmp_path / "workspace", actor="ada")
    opened = open_workspace(settings=settings, clock=clock)
    yield opened
    opened.store.engine.dispose()


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store
