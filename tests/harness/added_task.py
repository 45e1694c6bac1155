"""A task of another package, installed for the time of a test: one file and an entry point."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

import pytest

from pilothouse.deployments.model_server import start
from pilothouse.models.tasks import tasks

FILE = Path(__file__).parents[1] / "plugin_files" / "count_task.py"
NAME, METRIC = "counts", "poisson_deviance"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the file into a folder of packages that this process and model processes import from.

    A package that is installed beside Pilothouse is on their paths anyway.
    """
    tasks.names()
    folder.mkdir()
    shutil.copy(FILE, folder / "added_count_task.py")
    facts = folder / "added_count_task-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: added-count-task\nVersion: 1.0\n")
    entry = f"[{tasks.package}]\n{NAME} = added_count_task:Counts\n"
    (facts / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    monkeypatch.setattr(tasks, "_registered", dict(tasks._registered))
    monkeypatch.setattr(tasks, "_loaded", False)

    own = start.environment

    def with_folder() -> dict[str, str]:
        variables = own()
        path = os.pathsep.join([variables["PYTHONPATH"], str(folder)])
        return variables | {"PYTHONPATH": path}

    monkeypatch.setattr(start, "environment", with_folder)
