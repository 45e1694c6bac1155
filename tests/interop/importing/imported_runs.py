"""What an import left in a workspace, as the tests of the readers compare it."""

from __future__ import annotations

from typing import Any

from pilothouse.interop.importing.report import ImportReport
from pilothouse.workspace import Workspace


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
