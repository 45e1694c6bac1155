"""A deployment whose alerts tests raise directly."""

from __future__ import annotations

import pytest

from harness.raised_alerts import Ward
from pilothouse.workspace import Workspace


@pytest.fixture
def ward(workspace: Workspace) -> Ward:
    return Ward.of(workspace)
