"""Run where comet-ml is installed: write an offline archive, and print what it says of it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ |= {"COMET_LOGGING_CONSOLE": "CRITICAL"}

import comet_ml
import numpy as np

STEPS = 300


def write(folder: Path) -> None:
    """A run with numbers, odd values, parameters, files of several kinds and console lines."""
    experiment = comet_ml.OfflineExperiment(
        project_name="churn", workspace="team", offline_directory=str(folder)
    )
    experiment.set_name("first")
    experiment.add_tags(["b", "a"])
    model = {"layers": 3, "act": "relu"}
    experiment.log_parameters({"lr": 0.1, "model": model, "early": True})
    random = np.random.default_rng(7)
    for step in range(STEPS):
        experiment.log_metric("loss", float(random.normal()), step=step, epoch=step // 50)
    for step, value in enumerate((float("nan"), float("inf"), float("-inf"), True)):
        experiment.log_metric("odd", value, step=step)
    experiment.curr_step = None
    for value in range(5):
        experiment.log_metric("unnumbered", value)
    experiment.log_other("verdict", "fine")
    (folder / "note.txt").write_text("note", encoding="utf-8")
    experiment.log_asset(str(folder / "note.txt"), file_name="docs/note.txt")
    experiment.log_model("clf", str(folder / "note.txt"), file_name="model.bin")
    experiment.log_confusion_matrix([0, 1, 1], [0, 1, 0])
    experiment.log_curve("roc", [0, 1], [0, 1])
    experiment.log_histogram_3d([1, 2, 3], name="weights", step=2)
    experiment.log_text("a text", step=1)
    sys.stderr.write("a console line\n")
    experiment.end()


def read(folder: Path) -> list[list[str]]:
    """The rows of `comet offline --csv` of the archive: section, name, value."""
    [archive] = folder.glob("*.zip")
    command = [str(Path(sys.executable).parent / "comet"), "offline", "--csv", str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [row[4:] for row in csv.reader(done.stdout.splitlines()) if row[3:4] == ["detail"]]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    sys.__stdout__.write("\n" + json.dumps(read(Path(sys.argv[1]))))
