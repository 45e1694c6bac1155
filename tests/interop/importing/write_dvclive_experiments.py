"""Run where dvclive and dvc are installed: save experiments, and print what DVC shows of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ |= {"DVC_NO_ANALYTICS": "1", "DVC_TEST": "1"}

import numpy as np
from dvc.repo import Repo
from dvclive import Live

STEPS = 200


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def write(name: str, rate: float) -> None:
    """An experiment with nested and odd values, an image, a plot and a model."""
    random = np.random.default_rng(7)
    with Live(save_dvc_exp=True, exp_name=name, exp_message=f"message of {name}") as live:
        live.log_params({"lr": rate, "model": {"layers": 3, "act": "relu"}, "dims": [1, 2]})
        for step in range(STEPS):
            live.log_metric("train/loss", float(random.normal()))
            live.log_metric("timed", rate * step, timestamp=True)
            if step < 3:
                live.log_metric("odd", (float("nan"), float("inf"), float("-inf"))[step])
            live.next_step()
        live.log_image("a.png", np.zeros((4, 4, 3), dtype="uint8"))
        live.log_sklearn_plot("confusion_matrix", [0, 1, 1], [0, 1, 0])
        live.summary["best"] = 0.25
        Path("model.txt").write_text(name, encoding="utf-8")
        live.log_artifact("model.txt", type="model", name="clf")
        Path("parts").mkdir(exist_ok=True)
        Path("parts", "a.txt").write_text(f"part of {name}", encoding="utf-8")
        live.log_artifact("parts", name="parts")


def read() -> dict[str, Any]:
    """What `dvc.repo` says of each experiment: parameters, metrics and the rows of its plots."""
    shown: dict[str, Any] = {}
    with Repo() as repo:
        names = [name for names in repo.experiments.ls().values() for name, _ in names]
        for name in names:
            params = repo.params.show(revs=[name])[name]["data"]["dvclive/params.yaml"]["data"]
            metrics = repo.metrics.show(revs=[name])[name]["data"]["dvclive/metrics.json"]["data"]
            plots = repo.plots.show(revs=[name], props={"x": "step"})[name]["sources"]["data"]
            rows = {path: plot["data"] for path, plot in plots.items() if path.endswith(".tsv")}
            shown[name] = {"params": params, "metrics": metrics, "plots": rows}
    return shown


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    run("git", "init", "-q")
    run("git", "config", "user.email", "ada@example.org")
    run("git", "config", "user.name", "ada")
    run(str(Path(sys.executable).parent / "dvc"), "init", "-q")
    run("git", "add", ".")
    run("git", "commit", "-qm", "start")
    write("first", 0.1)
    write("second", 0.2)
    sys.stdout.write("\n" + json.dumps(read(), default=str))
