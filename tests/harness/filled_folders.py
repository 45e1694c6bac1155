"""Folders of workspaces with which many tests begin: filled once, and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pilothouse.kit.clock import FixedClock
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace


def filled(
    folder: Path, empty_database: Path, clock: FixedClock, fill: Callable[[Workspace], object]
) -> Path:
    """The folder of a new workspace below `folder`, after `fill`; nobody has it open."""
    workspace = folder / "workspace"
    workspace.mkdir(mode=0o700)
    shutil.copy(empty_database, workspace)
    settings = Settings(workspace=workspace, actor="ada", code_patch=False)
    opened = open_workspace(settings=settings, clock=clock)
    fill(opened)
    opened.store.engine.dispose()
    return workspace
