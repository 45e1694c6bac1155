"""Exports of runs that a job writes into the workspace's folder; they stay for a week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pilothouse.interop.run_exports.export_runs import RunExport, export_runs
from pilothouse.interop.run_exports.run_source import RunTotals
from pilothouse.jobs import Progress
from pilothouse.kit.folders import PRIVATE_FOLDER, remove_old
from pilothouse.storage import Store

KIND, FOLDER = "export_runs", "exports"
KEPT_SECONDS = 7 * 24 * 3600


def export_job(
    store: Store,
    progress: Progress,
    *,
    name: str,
    format: str,
    runs: Sequence[str],
    experiments: Sequence[str],
) -> dict[str, Any]:
    """Write the export under a name; its facts."""
    path = export_path(store, name)
    path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    remove_old(path.parent, KEPT_SECONDS)
    facts = asdict(export_runs(store, format, path, runs, experiments, progress))
    return {key: value for key, value in facts.items() if key != "path"}


def export_path(store: Store, name: str) -> Path:
    """Where the export of a job lies."""
    return store.folder / FOLDER / f"{name}.zip"


def written_export(store: Store, job: str, result: dict[str, Any]) -> RunExport:
    """The export that a job has written, out of its result."""
    lines = {name: tuple(result[name]) for name in ("left_out", "notes")}
    totals = RunTotals(**result["totals"])
    return RunExport(path=export_path(store, job), **{**result, **lines, "totals": totals})
