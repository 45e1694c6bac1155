"""Write an export in a child process, which is the only place that imports Evidently."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import Session, col, select

from pilothouse.jobs import Progress
from pilothouse.monitoring.evidently_workspace import exports
from pilothouse.monitoring.evidently_workspace.window_snapshots import (
    ExportedWindow,
    WindowSnapshot,
    panels,
    window_snapshot,
)
from pilothouse.monitoring.evidently_workspace.workspace_writer import write_workspace
from pilothouse.monitoring.masked_values import masked_values
from pilothouse.monitoring.tables import CheckResult, Window
from pilothouse.monitoring.window_store import stored_check
from pilothouse.storage import Store

FOLDER = "workspace"


def export_job(store: Store, progress: Progress, export: str) -> dict[str, Any]:
    """Write a requested export as a zip and keep it as an artifact. Idempotent."""
    with store.read() as session:
        row = exports.require(session, export)
        if row.digest is not None:
            return {"export": export, "digest": row.digest}
        deployment, start, end = row.deployment, row.start, row.end
        windows = exports.windows_of(session, deployment, start, end)
        snapshots = [_snapshot(session, store, window) for window in windows]

    progress(0.1, "starting Evidently")
    with TemporaryDirectory(prefix="evidently-") as scratch:
        folder = Path(scratch) / FOLDER
        write_workspace(
            folder,
            deployment,
            "Windows of a monitor of Pilothouse, with its scores, limits and verdicts.",
            snapshots,
            panels(snapshots),
            lambda fraction: progress(0.2 + 0.6 * fraction, "writing snapshots"),
        )
        progress(0.85, "packing the workspace")
        packed = Path(scratch) / "workspace.zip"
        _pack(folder, packed)
        content = packed.read_bytes()
    digest = store.artifacts.put_bytes(content)
    with store.write() as session:
        exports.store_export(session, store, export, len(snapshots), digest, len(content))
    return {"export": export, "digest": digest}


def _snapshot(session: Session, store: Store, window: Window) -> WindowSnapshot:
    query = (
        select(CheckResult)
        .where(CheckResult.window_id == window.id, CheckResult.revision == window.revision)
        .order_by(col(CheckResult.id))
    )
    exported = ExportedWindow(
        window.id,
        window.deployment,
        f"{window.model}@{window.version}" if window.model else "",
        window.start,
        window.end,
        window.zone,
        window.revision,
        window.rows,
        window.labelled,
        window.columns,
        window.drifted,
        {
            "window": window.status,
            "drift": window.drift_status,
            "performance": window.performance_status,
        },
    )
    checks = [stored_check(result) for result in session.exec(query)]
    masked = masked_values(session, store, window.deployment)
    return window_snapshot(exported, masked.checks(checks))


def _pack(folder: Path, target: Path) -> None:
    """A zip in which the workspace is one folder."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{FOLDER}/{file.relative_to(folder).as_posix()}")
