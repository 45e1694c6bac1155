"""The path that the app is served under: empty, or what a proxy such as JupyterHub's has it be."""

from __future__ import annotations

import os

VARIABLE = "PILOTHOUSE_APP_PREFIX"  # set by `serve` for this process, whatever it was read from


def base_path() -> str:
    """The prefix with a slash before it and none after it; empty at the root."""
    path = os.environ.get(VARIABLE, "").strip("/")
    return f"/{path}" if path else ""


def under_base(path: str) -> str:
    """The address of a path of the app, which begins with a slash."""
    return base_path() + path
