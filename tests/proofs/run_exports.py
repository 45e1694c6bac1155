"""Proof of exports of runs: MLflow and TensorBoard read what was logged.

    python tests/proofs/run_exports.py

MLflow, as it is installed here, opens the store, brings it to its own schema, reads runs, histories
and files, and logs to it again; TensorBoard, in an environment of its own, reads every point, the
hyperparameters and the texts.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from prove import plain_variables

from harness.programs import free_port
from harness.tracker_writers import interpreter
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

POINTS = 20_000
SECONDS = 60
LARGEST = 1.7976931348623157e308
READ_MLFLOW = """
import json, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
client = mlflow.MlflowClient()
[experiment] = [e for e in client.search_experiments() if e.name == "team/search"]
runs = {}
for run in client.search_runs([experiment.experiment_id]):
    number = run.info.run_id
    runs[run.info.run_name] = {
        "status": run.info.status,
        "params": run.data.params,
        "parent": run.data.tags.get("mlflow.parentRunId", ""),
        "history": {key: [[p.step, p.timestamp, repr(p.value)]
                          for p in client.get_metric_history(number, key)]
                    for key in run.data.metrics},
        "files": {f.path: mlflow.artifacts.load_text(f"runs:/{number}/{f.path}")
                  for f in client.list_artifacts(number) if not f.is_dir and f.path == "notes.txt"},
        "inputs": [i.dataset.name for i in run.inputs.dataset_inputs],
    }
with mlflow.start_run(experiment_id=experiment.experiment_id):
    mlflow.log_metric("again", 1.0)
print(json.dumps({"version": mlflow.__version__, "runs": runs}))
"""
READ_TENSORBOARD = """
import json, sys
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.hparams import metadata
folder, ask = sys.argv[1], RequestContext()
events = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 0})
events.AddRunsFromDirectory(folder)
events.Reload()
provider = data_provider.MultiplexerDataProvider(events, folder)
read = provider.read_scalars(ask, experiment_id="", plugin_name="scalars", downsample=10**7)
histories = {run: {tag: [[p.step, round(p.wall_time * 1e6), repr(p.value)] for p in points]
                   for tag, points in tags.items()} for run, tags in read.items()}
params = {}
for run, tags in provider.list_tensors(ask, experiment_id="", plugin_name="hparams").items():
    content = tags[metadata.SESSION_START_INFO_TAG].plugin_content
    start = metadata.parse_session_start_info_plugin_data(content)
    params[run] = {key: getattr(value, value.WhichOneof("kind"))
                   for key, value in start.hparams.items()}
texts = provider.list_tensors(ask, experiment_id="", plugin_name="text")
images = provider.list_blob_sequences(ask, experiment_id="", plugin_name="images")
print(json.dumps({"histories": histories, "params": params,
                  "texts": {run: sorted(tags) for run, tags in texts.items()},
                  "images": {run: sorted(tags) for run, tags in images.items()}}))
"""
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (3).to_bytes(4, "big") + (2).to_bytes(4, "big") + b"rest"


def main() -> int:
    """Prove it; 0 unless something raises."""
    with tempfile.TemporaryDirectory(prefix="run-exports-") as scratch:
        workspace = open_workspace(settings=Settings(workspace=Path(scratch) / "workspace"))
        parent, child = filled(workspace)
        of_mlflow(workspace, Path(scratch), parent, child)
        of_tensorboard(workspace, Path(scratch), parent, interpreter("tensorboard"))
        workspace.store.engine.dispose()
    return 0


def filled(workspace: Workspace) -> tuple[str, str]:
    """Two runs, one below the other."""
    runs = workspace.experiments
    parent = runs.start("team/search", "=parent")
    runs.log_params(parent, {"lr": 0.25, "layers": 3, "act": "relu", "bias": True})
    runs.log_history(parent, "loss", range(POINTS), [1 / (i + 1) for i in range(POINTS)])
    runs.log_history(parent, "odd/é", range(-1, 3), [math.nan, math.inf, -math.inf, 1e-300])
    runs.log_artifact(parent, "notes.txt", b"hello")
    runs.log_artifact(parent, "images/a/step-7.png", PNG)
    child = runs.start("team/search", "child", parent=parent)
    runs.log_metrics(child, {"loss": 0.5})
    runs.finish(child, "failed")
    runs.finish(parent)
    return parent, child


def unpacked(workspace: Workspace, format: str, folder: Path) -> Path:
    """An export, unpacked."""
    path = folder / f"{format}.zip"
    workspace.run_exports.write(format, path, experiments=["team/search"])
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / format)
    return folder / format


def histories(workspace: Workspace, run: str, unit: int, largest: float) -> dict[str, Any]:
    """What was logged: steps, times in a unit of microseconds, values."""
    history = workspace.experiments.history([run])
    return {
        str(key): [
            [p.step, p.at.value // 1000 // unit, repr(max(min(p.value, largest), -largest))]
            for p in of.itertuples()
        ]
        for key, of in history.groupby("key")
    }


def of_mlflow(workspace: Workspace, scratch: Path, parent: str, child: str) -> None:
    """MLflow's client reads the store in its folder."""
    folder = unpacked(workspace, "mlflow", scratch)
    read = json.loads(run(Path(sys.executable), READ_MLFLOW, cwd=folder).splitlines()[-1])
    runs = read["runs"]
    for name, number in (("=parent", parent), ("child", child)):
        expected = histories(workspace, number, 1000, LARGEST)
        assert {key: sorted(points) for key, points in runs[name]["history"].items()} == {
            key: sorted(points) for key, points in expected.items()
        }
    expected_params = {"lr": "0.25", "layers": "3", "act": "relu", "bias": "True"}
    assert runs["=parent"]["params"] == expected_params
    assert runs["=parent"]["files"] == {"notes.txt": "hello"}
    assert (runs["child"]["parent"], runs["child"]["status"]) == (parent, "FAILED")
    points = sum(len(of) for each in runs.values() for of in each["history"].values())
    say("mlflow", f"{read['version']}: {len(runs)} runs with {points:,} points, equal")


def of_tensorboard(workspace: Workspace, scratch: Path, parent: str, python: Path) -> None:
    """TensorBoard reads the log folder."""
    folder = unpacked(workspace, "tensorboard", scratch)
    read = json.loads(run(python, READ_TENSORBOARD, str(folder), cwd=folder).splitlines()[-1])
    [name] = [name for name in read["histories"] if not name.endswith("child")]
    expected = histories(workspace, parent, 1, math.inf)
    for points in expected.values():
        for point in points:
            point[2] = repr(float(np.float32(point[2])))
    assert read["histories"][name] == expected
    params = {"lr": 0.25, "layers": 3.0, "act": "relu", "bias": True}
    assert read["params"][name] == params
    assert read["texts"][name] == ["pilothouse/about"]
    assert read["images"][name] == ["a"]
    points = sum(len(of) for of in expected.values())
    say("tensorboard", f"2.21.0: {points:,} points, hyperparameters, texts and images, equal")
    expected_tags = {name: set(of) for name, of in read["histories"].items()}
    tags = of_data_server(python, folder, expected_tags)
    assert tags == expected_tags, tags
    say("tensorboard", "its data server, which it uses unless told otherwise, has the same tags")


def of_data_server(
    python: Path, folder: Path, expected: dict[str, set[str]]
) -> dict[str, set[str]]:
    """The tags of scalars by run, as a server of TensorBoard answers them once it has read all."""
    port = free_port()
    command = [str(python.parent / "tensorboard"), "--logdir", str(folder), "--port", str(port)]
    quiet = subprocess.DEVNULL
    address = f"http://127.0.0.1:{port}/data/plugin/scalars/tags"
    server = subprocess.Popen([*command, "--load_fast", "true"], stdout=quiet, stderr=quiet)
    tags: dict[str, set[str]] = {}
    try:
        for _ in range(SECONDS):
            time.sleep(1)
            with suppress(httpx.TransportError):
                answer = httpx.get(address, trust_env=False).json()
                tags = {run: set(of) for run, of in answer.items()}
            if tags == expected:
                break
    finally:
        server.terminate()
        server.wait()
    return tags


def run(python: Path, program: str, *arguments: str, cwd: Path) -> str:
    """What a program prints; raises AssertionError with its errors."""
    variables = plain_variables() | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    command = [str(python), "-c", program, *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def say(system: str, text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{system:12} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
