"""The folder of a workspace: light to import, for programs that only start others."""

from __future__ import annotations

from pathlib import Path

from pilothouse.kit.errors import Unavailable

PARTS = ("run", "logs", "artifacts")


def workspace_folder(named: Path) -> Path:
    """The folder of that name with all its parts. Raises Unavailable when it cannot be written."""
    folder = named.expanduser().resolve()
    try:
        for part in PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        raise Unavailable(
            f"the workspace folder {folder} cannot be written: {broken.strerror}.",
            hint="Choose another folder with --workspace.",
        ) from broken
    return folder
