"""The real libraries of other trackers, in one environment of their own that is built once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = (
    *("tensorboard==2.21.0", "tensorboardX==2.6.5", "setuptools<81"),
    "wandb==0.31.0",
)


def interpreter() -> Path:
    """The interpreter of that environment, built at first. Raises CalledProcessError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PROOFS") or cache / "pilothouse-proofs") / "trackers"
    python = folder / "bin" / "python"
    if not (folder / "built").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True
        )
        subprocess.run([*uv, "pip", "install", "-q", "--python", python, *REQUIREMENTS], check=True)
        (folder / "built").touch()
    return python


def run_script(script: Path, *arguments: str, cwd: Path) -> str:
    """What a script prints in that environment. Raises CalledProcessError."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(interpreter()), str(script), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
