"""The real libraries of other trackers and of Feast, in environments that are built once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 120
REQUIREMENTS = {
    "tensorboard": ("tensorboard==2.21.0", "tensorboardX==2.6.5", "setuptools<81"),
    "comet": ("comet-ml==3.58.8", "numpy"),
    "dvclive": ("dvclive==3.49.1", "dvc==3.67.1", "numpy", "pillow", "scikit-learn"),
    "feast": ("feast==0.67.0",),
    "wandb-0.31": ("wandb==0.31.0", "numpy", "pillow"),
    "wandb-0.19": ("wandb==0.19.11", "numpy", "pillow", "setuptools<81"),
    "wandb-0.16": ("wandb==0.16.6", "numpy<2", "pillow", "setuptools<81"),
}


def interpreter(name: str) -> Path:
    """The interpreter of an environment, built at first. Raises CalledProcessError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PROOFS") or cache / "pilothouse-proofs") / f"tracker-{name}"
    python = folder / "bin" / "python"
    if not (folder / "built").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True
        )
        subprocess.run(
            [*uv, "pip", "install", "-q", "--python", python, *REQUIREMENTS[name]], check=True
        )
        (folder / "built").touch()
    return python


def run_script(name: str, script: Path, *arguments: str, cwd: Path) -> str:
    """What a script prints in an environment. Raises CalledProcessError."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(interpreter(name)), str(script), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
