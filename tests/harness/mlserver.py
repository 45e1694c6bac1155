"""MLServer in an environment of its own, for benchmarks of serving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import sklearn

from harness.programs import free_port

REQUIREMENTS = (
    "mlserver==1.7.1",
    "mlserver-sklearn==1.7.1",
    f"scikit-learn=={sklearn.__version__}",
)
STARTS_WITHIN_S = 120.0
MODEL = "bench"


@dataclass(frozen=True)
class RunningMlServer:
    """A server that answers for one model."""

    port: int
    process: psutil.Process
    start_seconds: float


def interpreter() -> Path:
    """The interpreter of MLServer's environment, built at first. Raises CalledProcessError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PROOFS") or cache / "pilothouse-proofs") / "mlserver"
    python = folder / "bin" / "python"
    if not (folder / "built").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True
        )
        subprocess.run([*uv, "pip", "install", "-q", "--python", python, *REQUIREMENTS], check=True)
        (folder / "built").touch()
    return python


@contextmanager
def mlserver(folder: Path, artifact: bytes) -> Iterator[RunningMlServer]:
    """The server of a joblib file, with one process and its settings as they come."""
    folder.mkdir(parents=True)
    (folder / "model.joblib").write_bytes(artifact)
    port = free_port()
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    parameters = {"uri": "./model.joblib", "version": "1"}
    about = {"implementation": "mlserver_sklearn.SKLearnModel", "parameters": parameters}
    (folder / "model-settings.json").write_text(json.dumps({"name": MODEL, **about}))
    command = [str(interpreter().parent / "mlserver"), "start", str(folder)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        _wait(port, began, folder / "log")
        yield RunningMlServer(port, psutil.Process(process.pid), time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, began: float, log: Path) -> None:
    address = f"http://127.0.0.1:{port}/v2/models/{MODEL}/ready"
    while time.monotonic() - began < STARTS_WITHIN_S:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"MLServer did not start: {log.read_text(errors='replace')[-2000:]}")
