"""LitServe and `mlflow models serve` in environments of their own, for benchmarks of serving."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import sklearn

from harness.programs import free_port
from harness.proof_environments import environment, proofs_folder

LITSERVE = ("litserve==0.2.19", f"scikit-learn=={sklearn.__version__}")
MLFLOW = ("mlflow>=3.17,<3.18", f"scikit-learn=={sklearn.__version__}", "pandas<3")
STARTS_WITHIN_S = 120.0
LITSERVE_SCRIPT = """
import sys
import joblib
import litserve
import numpy as np

class Model(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(sys.argv[2])

    def decode_request(self, request):
        return np.asarray(request["rows"])

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def encode_response(self, answer):
        return {"probabilities": answer.tolist()}

if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False,
        log_level="warning",
    )
"""
MLFLOW_SCRIPT = """
import sys
import joblib
import mlflow

mlflow.sklearn.save_model(
    joblib.load(sys.argv[1]), sys.argv[2], pyfunc_predict_fn="predict_proba",
    serialization_format="cloudpickle",
)
"""


@dataclass(frozen=True)
class OtherServer:
    """A server that answers for one model, and the path of its requests."""

    port: int
    path: str
    process: psutil.Process


@contextmanager
def litserve(folder: Path, artifact: bytes) -> Iterator[OtherServer]:
    """LitServe with one worker process and one process for HTTP."""
    folder.mkdir(parents=True)
    (folder / "model.joblib").write_bytes(artifact)
    (folder / "serve.py").write_text(LITSERVE_SCRIPT)
    python, port = environment(proofs_folder(), LITSERVE), free_port()
    command = [str(python), "serve.py", str(port), "model.joblib"]
    with _running(command, folder, port, "/health") as process:
        yield OtherServer(port, "/predict", process)


@contextmanager
def mlflow_serve(folder: Path, artifact: bytes) -> Iterator[OtherServer]:
    """`mlflow models serve` with one worker process, in the environment that it runs in."""
    folder.mkdir(parents=True)
    (folder / "model.joblib").write_bytes(artifact)
    python, port = environment(proofs_folder(), MLFLOW), free_port()
    save = [str(python), "-c", MLFLOW_SCRIPT, "model.joblib", "model"]
    subprocess.run(save, check=True, cwd=folder, env=_variables(folder, python))
    command = [str(python), "-m", "mlflow", "models", "serve", "--model-uri", "model"]
    command += ["--port", str(port), "--workers", "1", "--env-manager", "local"]
    with _running(command, folder, port, "/health") as process:
        yield OtherServer(port, "/invocations", process)


@contextmanager
def _running(
    command: Sequence[str], folder: Path, port: int, health: str
) -> Iterator[psutil.Process]:
    python = Path(command[0])
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env=_variables(folder, python),
            cwd=folder,
            start_new_session=True,
        )
    process = psutil.Process(child.pid)
    try:
        _wait(f"http://127.0.0.1:{port}{health}", folder / "log")
        yield process
    finally:
        family = [*process.children(recursive=True), process]
        for member in family:
            member.terminate()
        _, alive = psutil.wait_procs(family, timeout=20)
        for member in alive:
            member.kill()
        child.wait(20)


def _variables(folder: Path, python: Path) -> dict[str, str]:
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    return {"PATH": path, "HOME": str(folder), "OMP_NUM_THREADS": "1", **quiet}


def _wait(address: str, log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"it did not start: {log.read_text(errors='replace')[-2000:]}")
