"""What an import left in a workspace, as the tests of the readers compare it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilothouse.interop.importing import importer
from pilothouse.interop.importing.report import ImportReport
from pilothouse.kit.errors import Cancelled
from pilothouse.workspace import Workspace

ATTEMPTS = 40


def runs_by_name(workspace: Workspace) -> dict[str, Any]:
    """The runs by their name."""
    every_run = map(workspace.experiments.run, workspace.experiments.ids())
    return {run.name: run for run in every_run}


def points_of(workspace: Workspace, run: Any, key: str) -> list[tuple[int, float]]:
    """The points of a metric: step and value, in the order of steps."""
    points = workspace.experiments.history([run.id])
    return sorted((int(p.step), float(p.value)) for p in points[points["key"] == key].itertuples())


def files_of(workspace: Workspace, run: Any) -> dict[str, bytes]:
    """The files of a run by path."""
    return {file.path: workspace.store.artifacts.read(file.digest) for file in run.artifacts}


def reasons(report: ImportReport, outcome: str) -> list[str]:
    """The kind and the reason of each line of this outcome."""
    return [f"{line.kind}: {line.why}" for line in report.lines if line.outcome == outcome]


def is_unchanged(report: ImportReport) -> bool:
    """Whether an import found nothing to do."""
    return (sum(report.imported.values()), report.changed) == (0, {})


def make_batches_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports write a few points at a time, and say so each time."""
    monkeypatch.setattr(importer, "PROGRESS_INTERVAL_S", 0.0)
    monkeypatch.setattr(importer, "MAX_POINTS", 10)
    monkeypatch.setattr("pilothouse.interop.importing.waiting_points.MAX_WAITING", 10)
    monkeypatch.setattr("pilothouse.interop.importing.kept_points.MAX_KEPT", 15)


def import_with_stops(workspace: Workspace, source: Path) -> int:
    """Import a source that is stopped again and again, a little later each time; how often."""
    stops, budget = 0, 0

    def stop(_share: float, _message: str) -> None:
        nonlocal budget
        budget -= 1
        if budget < 0:
            raise Cancelled("stopped")

    for attempt in range(ATTEMPTS):
        budget = 4 + 5 * attempt
        try:
            workspace.imports.run(str(source), on_progress=stop)
            break
        except Cancelled:
            stops += 1
    return stops
