"""Writing runs in a format as one zip archive."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pilothouse.activity import record
from pilothouse.interop.exporting.archive import write_zip
from pilothouse.interop.exporting.plan import NOTES, text
from pilothouse.interop.run_exports.formats import run_formats
from pilothouse.interop.run_exports.notes import notes_text
from pilothouse.interop.run_exports.run_source import (
    OnProgress,
    RunSource,
    RunTotals,
    chosen_runs,
)
from pilothouse.kit.errors import NotFound, Unavailable
from pilothouse.storage import Store

EXPORTED = "exported"  # the verb of the activity log
PACKING = 0.9  # of the work is done when the files are packed


@dataclass(frozen=True)
class RunExportPreview:
    """What an export of runs would hold, and what its format has no place for."""

    format: str
    title: str
    description: str
    totals: RunTotals
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class RunExport:
    """An export of runs that was written; `notes` says what was changed on the way."""

    path: Path
    format: str
    title: str
    bytes: int
    sha256: str
    totals: RunTotals
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def preview(
    store: Store, format: str, runs: Sequence[str], experiments: Sequence[str]
) -> RunExportPreview:
    """What an export would hold; nothing is written."""
    kind = run_formats.get(format)
    totals = _source(store, runs, experiments, lambda _share, _message: None).totals()
    return RunExportPreview(format, kind.title, kind.description, totals, kind.left_out(totals))


def export_runs(
    store: Store,
    format: str,
    path: Path,
    runs: Sequence[str],
    experiments: Sequence[str],
    on_progress: OnProgress,
) -> RunExport:
    """Write the runs, and an entry with the digest of the archive to the audit log.

    Only one page of runs is in memory at once, but for the table of runs of CSV and Parquet.
    """
    kind = run_formats.get(format)
    if not path.parent.is_dir():
        raise NotFound(f"there is no folder {path.parent}.")
    source = _source(
        store, runs, experiments, lambda share, message: on_progress(PACKING * share, message)
    )
    totals = source.totals()
    try:
        with tempfile.TemporaryDirectory(prefix="pilothouse-runs-") as folder:
            plan = kind.plan(source, Path(folder))
            plan = replace(plan, notes=(*plan.notes, *source.renamed))
            left_out = (*kind.left_out(totals), *source.lost)
            notes = text(notes_text(kind.title, totals, plan, left_out))
            on_progress(PACKING, "packing the files")
            digest = write_zip(path, {**plan.files, NOTES: notes})
    except OSError as full:
        raise Unavailable(f"{path} cannot be written: {full.strerror}.") from full
    about = {"format": format, "runs": totals.runs, "sha256": digest}
    with store.write() as session:
        record(session, store, EXPORTED, "workspace", store.folder.name, after=about)
    size = path.stat().st_size
    return RunExport(path, format, kind.title, size, digest, totals, left_out, plan.notes)


def _source(
    store: Store, runs: Sequence[str], experiments: Sequence[str], on_progress: OnProgress
) -> RunSource:
    with store.read() as session:
        ids = chosen_runs(session, runs, experiments)
    return RunSource(store, ids, on_progress)
