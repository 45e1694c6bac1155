"""A whole training script, unchanged but for the address, ends the same here and with MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.mlflow_server import QUIET, side_by_side
from pilothouse.experiments import RunFilter

pytest.importorskip("mlflow")
SCRIPT = Path(__file__).with_name("script.py")
ADDRESS = "http://127.0.0.1:5000"
PATIENCE_S = 280


def start(url: str, folder: Path) -> subprocess.Popen[str]:
    """The script in a process of its own, with another address in one line of it."""
    folder.mkdir()
    words = SCRIPT.read_text(encoding="utf-8")
    assert [line.strip() for line in words.splitlines() if ADDRESS in line] == [
        f'mlflow.set_tracking_uri("{ADDRESS}")'
    ]
    (folder / "script.py").write_text(words.replace(ADDRESS, url), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    environment |= QUIET | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    return subprocess.Popen(
        [sys.executable, str(folder / "script.py")],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the script says last."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err[-4000:]
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_it_ends_the_same_here_and_with_mlflow(tmp_path: Path) -> None:
    with side_by_side(tmp_path) as (workspace, ours, theirs):
        here = start(ours, tmp_path / "here")
        there = start(theirs, tmp_path / "there")
        told = ended(here)
        assert told == ended(there)
        assert told["same"] == [True, True, True]
        assert (told["trials"], told["stages"]) == (3, {"1": "Archived", "2": "None"})
        runs = workspace.experiments.runs(RunFilter(experiment="the whole way"))
        assert {"linear", "forest", "search"} <= set(runs["name"])
        assert workspace.registry.version("risk", "best").version == 2
        assert workspace.registry.version("risk", 1).stage == "archived"
        assert workspace.activity.verify().intact
