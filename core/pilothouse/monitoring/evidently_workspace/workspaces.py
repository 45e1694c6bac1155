"""The Python API of Evidently's workspaces; `Monitoring` has it as its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pilothouse.monitoring import monitors
from pilothouse.monitoring.evidently_workspace import exports, imports
from pilothouse.monitoring.evidently_workspace.exports import EvidentlyExportInfo
from pilothouse.monitoring.evidently_workspace.imports import SnapshotImport
from pilothouse.monitoring.evidently_workspace.snapshot_files import (
    SnapshotFile,
    Unreadable,
    files_at,
    files_in,
)
from pilothouse.storage.service import Service

if TYPE_CHECKING:
    import pandas as pd


class EvidentlyWorkspaces(Service):
    """Windows for Evidently, and snapshots of Evidently beside the windows."""

    def export_evidently(
        self, deployment: str, start: datetime | None = None, end: datetime | None = None
    ) -> str:
        """Ask for the windows that begin from `start` to before `end` as an Evidently workspace.

        It has one snapshot per window with the scores, limits and verdicts that are stored here,
        and a dashboard. A job writes it; the export's id. Raises NotFound without a monitor or a
        window, Invalid for a span that is empty or has more than 500 windows.
        """
        with self._store.write() as session:
            return exports.request(session, self._store, deployment, start, end)

    def evidently_export(self, export: str) -> EvidentlyExportInfo:
        """The present state of an export. Raises NotFound."""
        with self._store.read() as session:
            return exports.info(session, export)

    def evidently_exports(self, deployment: str) -> list[EvidentlyExportInfo]:
        """The exports of a deployment, newest first."""
        with self._store.read() as session:
            return exports.exports_of(session, deployment)

    def evidently_zip(self, export: str) -> bytes:
        """An export as a zip with the folder `workspace`.

        Raises NotFound, or Unavailable while its job has not written it.
        """
        with self._store.read() as session:
            return exports.zip_bytes(session, self._store, export)

    def import_evidently(self, deployment: str, path: str | Path) -> SnapshotImport:
        """Keep the snapshots of an Evidently workspace beside the windows of a deployment.

        `path` is the workspace's folder, a zip of it, or a snapshot's JSON file; all are of
        Evidently 0.7. A time without a zone is in the zone of the monitor. What is there already
        adds nothing, and what cannot be read is left out with a reason. Raises NotFound, Invalid
        for a file that holds no snapshots, TooLarge.
        """
        return self._import(deployment, files_at(Path(path).expanduser()))

    def import_evidently_file(
        self, deployment: str, filename: str, content: bytes
    ) -> SnapshotImport:
        """The same for a zip or a JSON file that is given as bytes."""
        return self._import(deployment, files_in(filename, content))

    def _import(
        self, deployment: str, files: Iterable[SnapshotFile | Unreadable]
    ) -> SnapshotImport:
        with self._store.read() as session:
            monitors.require(session, deployment)
        read = list(files)  # before the transaction, which locks the database
        with self._store.write() as session:
            return imports.import_snapshots(session, self._store, deployment, read)

    def evidently_snapshots(self, deployment: str) -> pd.DataFrame:
        """Imported snapshots, oldest first; columns as in `imports.SNAPSHOTS`. Raises NotFound."""
        with self._store.read() as session:
            monitors.require(session, deployment)
            return imports.snapshots(session, deployment)

    def evidently_figures(self, snapshot: str) -> pd.DataFrame:
        """The figures of a snapshot, beside ours; columns as in `imports.FIGURES`.

        The drift of a column stands beside the check that decides on it in the window in which the
        snapshot's time lies. Raises NotFound.
        """
        with self._store.read() as session:
            return imports.figures(session, snapshot)

    def remove_evidently_snapshot(self, snapshot: str, reason: str = "") -> None:
        """Delete an imported snapshot. Raises NotFound."""
        with self._store.write() as session:
            imports.remove(session, self._store, snapshot, reason)
