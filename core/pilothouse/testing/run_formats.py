"""What every format of runs promises: safe paths, the same files each time, nothing left unsaid."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pilothouse.interop.run_exports.formats import RunFormat
from pilothouse.interop.run_exports.run_source import RunSource
from pilothouse.kit.settings import Settings
from pilothouse.models.package import check_path
from pilothouse.workspace import Workspace, open_workspace

NAME = "../=cmd|' /C calc'!A0 \u00e9/" + "n" * 300


def check_run_format(name: str, kind: RunFormat) -> None:
    """Raise AssertionError, with what is wrong, unless the format keeps every promise."""
    assert kind.title, f"{name} has no title"
    assert kind.description.endswith("."), f"the description of {name} is no sentence"
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(settings=Settings(workspace=Path(folder) / "workspace"))
        run = _hostile_run(workspace)
        left_out = kind.left_out(RunSource(workspace.store, [run]).totals())
        assert all(line.endswith(".") for line in left_out), f"{name} says half a sentence"
        plans = []
        for part in ("first", "second"):
            (Path(folder) / part).mkdir()
            source = RunSource(workspace.store, [run])
            plans.append(kind.plan(source, Path(folder) / part))
        first, second = plans
        assert first.files, f"{name} writes no file"
        for path in first.paths:
            check_path(path)
        assert first.paths == second.paths, f"{name} names files differently each time"
        assert first.carried, f"{name} does not say what it holds"
        assert first.steps, f"{name} does not say how it is opened"
        workspace.store.engine.dispose()


def _hostile_run(workspace: Workspace) -> str:
    """A run whose every name is none that a file should have."""
    experiments = workspace.experiments
    run = experiments.start("=team/../search", NAME)
    experiments.log_params(run, {"=lr": 0.5, "a/b": "=1+1", "long": "v" * 5000})
    for index, value in enumerate((0.5, float("nan"), float("inf"), float("-inf"))):
        experiments.log_metrics(run, {"=loss/\u00e9": value}, step=index - 1)
    experiments.log_artifact(run, "=notes.txt", b"hello")
    experiments.finish(run)
    return run
