"""A cold build of the packages of a scikit-learn model, beside `python -m venv` and pip.

The packages come from the configured index, so the network is part of both. The second build is
of another set over the same cache.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.environments import build
from pilothouse.kit.settings import Settings
from pilothouse.workspace import open_workspace

REQUIREMENTS = ("scikit-learn", "skops", "pandas", "scipy")


def measure() -> dict[str, Any]:
    """Seconds and megabytes of a cold build, of one that shares its files, and of pip."""
    with tempfile.TemporaryDirectory(prefix="bench-environments-") as folder:
        settings = Settings(workspace=Path(folder) / "workspace", actor="bench")
        workspace = open_workspace(settings=settings)
        cold, first = _timed(lambda: build(workspace, *REQUIREMENTS, kind="verbatim"))
        shared, second = _timed(lambda: build(workspace, *REQUIREMENTS, "cloudpickle"))
        sizes = [workspace.environments.environment(name) for name in (first, second)]
        reference, _ = _timed(lambda: _pip(Path(folder) / "venv"))
        workspace.store.engine.dispose()
    return {
        "work": "environments",
        "ours": round(cold, 1),
        "reference": round(reference, 1),
        "ratio": round(reference / cold, 2),
        "unit": "seconds for a cold scikit-learn environment, lower is better",
        "reference_is": "python -m venv and pip install, without a cache",
        "mb": round(sizes[0].bytes / 1e6),
        "packages": sizes[0].packages,
        "sharing_seconds": round(shared, 1),
        "sharing_mb": round(sizes[1].own_bytes / 1e6, 1),
    }


def _timed(act: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


def _pip(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    subprocess.run([*command, *REQUIREMENTS, "orjson"], check=True)
