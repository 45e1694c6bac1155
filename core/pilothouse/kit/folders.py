"""The folder of a workspace: light to import, for programs that only start others."""

from __future__ import annotations

from pathlib import Path

from pilothouse.kit.errors import Unavailable
from pilothouse.kit.settings import Settings

PARTS = ("run", "logs", "artifacts")


def workspace_folder(settings: Settings) -> Path:
    """The workspace's folder with all its parts. Raises Unavailable when it cannot be written."""
    folder = settings.folder
    try:
        for part in PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        raise Unavailable(
            f"the workspace folder {folder} cannot be written: {broken.strerror}.",
            hint="Choose another folder with --workspace.",
        ) from broken
    return folder
