"""Recipes in a real worker beside a real server: an MLflow script, and a worker that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.programs import is_running
from harness.running_instance import wait_for, worker_alone
from harness.serving import ServerProcess
from pilothouse.kit.settings import Settings
from pilothouse.workspace import Workspace, open_workspace

SKLEARN = """
import argparse
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import Ridge

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--alpha", type=float)
given = parser.parse_args()
alpha = given.alpha
frame = pd.read_parquet(given.data)
inputs, target = frame[["x", "y"]], frame["z"]
mlflow.set_experiment("their own experiment")
with mlflow.start_run(run_name="ridge"):
    mlflow.log_param("alpha", alpha)
    model = Ridge(alpha=alpha).fit(inputs, target)
    for step in range(3):
        mlflow.log_metric("score", model.score(inputs, target) - (2 - step) / 10, step=step)
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(inputs, model.predict(inputs)),
        pip_requirements=["scikit-learn"],  # what the client infers takes it a process
        registered_model_name="ridge",
    )
print("trained with alpha", alpha)
"""
TWICE = """
import os, pathlib, time
mark = pathlib.Path(MARK)
first = not mark.exists()
with open(mark, "a") as file:
    file.write(f"{os.getpid()}\\n")
print("attempt", "one" if first else "two", flush=True)
if first:
    time.sleep(600)
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Workspace]:
    settings = Settings(workspace=tmp_path / "workspace", actor="ada")
    workspace = open_workspace(settings=settings)
    with ServerProcess(workspace.store):
        yield workspace
    workspace.store.engine.dispose()


def ended(workspace: Workspace, job: str) -> None:
    wait_for(lambda: workspace.jobs.job(job).ended, "the job has ended")


@pytest.mark.timeout(400)
def test_a_script_of_an_mlflow_client_makes_a_version_of_its_model(served: Workspace) -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [1.0, 0, 1, 0], "z": [1.0, 2, 5, 6]})
    served.data.register("points", frame)
    files = {"fit.py": SKLEARN.encode()}
    served.recipes.register_files("ridge", files, entry_point="fit.py", dataset_parameter="data")
    with worker_alone(served.folder):
        job = served.recipes.run("ridge", {"alpha": 0.5}, "points")
        ended(served, job)

    info = served.jobs.job(job)
    assert info.status == "succeeded", served.jobs.log(job)
    assert info.result is not None
    assert (info.result["versions"], info.result["dataset"]) == (["ridge@1"], "points@1")
    run = served.experiments.run(info.result["run"])
    assert (run.name, run.experiment, run.status) == ("ridge", "their own experiment", "finished")
    assert run.params["alpha"] == "0.5"
    assert run.tags["recipe.job"] == job
    assert [given.dataset for given in run.inputs] == ["points@1"]
    assert len(served.experiments.history([run.id], ["score"])) == 3
    assert "trained with alpha 0.5" in served.jobs.log(job)


@pytest.mark.proof
@pytest.mark.timeout(400)
def test_code_whose_worker_is_killed_ends_with_it_and_starts_anew(
    served: Workspace, tmp_path: Path
) -> None:
    mark = tmp_path / "pids"
    files = {"twice.py": TWICE.replace("MARK", repr(str(mark))).encode()}
    served.recipes.register_files("twice", files, entry_point="twice.py")
    with worker_alone(served.folder) as process:
        job = served.recipes.run("twice")
        wait_for(lambda: mark.exists() and mark.read_text() != "", "the code has begun")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    first = int(mark.read_text())
    wait_for(lambda: not is_running(first), "the code has ended with the worker")
    with worker_alone(served.folder):
        ended(served, job)

    info = served.jobs.job(job)
    assert info.status == "succeeded", served.jobs.log(job)
    assert len(mark.read_text().split()) == 2
    assert served.recipes.runs("twice")["status"].tolist() == ["finished"]
    attempts = {step.name: step.attempts for step in served.jobs.steps(job)}
    assert attempts["run the code"] == 2
    log = served.jobs.log(job)
    assert "attempt one" in log
    assert "attempt two" in log
