"""Pilothouse: track experiments; register, deploy and monitor models on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pilothouse.workspace import Workspace

__version__ = "0.1.0"
__all__ = ["__version__", "open_workspace"]


def open_workspace(path: str | Path | None = None, *, actor: str | None = None) -> Workspace:
    """Open (and create or migrate, when needed) the workspace in a folder.

    Raises Unavailable when another program migrates it, Refused when its schema is newer.
    """
    from pilothouse.workspace import open_workspace as opening

    return opening(path, actor=actor)
