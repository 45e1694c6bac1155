"""A workspace with two versions of a real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.serving import trained, workspace_of
from pilothouse.storage import Store


@pytest.fixture(scope="session")
def artifacts() -> tuple[bytes, bytes]:
    return trained(1.0), trained(0.01)


@pytest.fixture
def registered(new_folder: Path, artifacts: tuple[bytes, bytes]) -> Iterator[Store]:
    """Two versions of the model `late`."""
    with workspace_of(new_folder, *artifacts) as store:
        yield store
