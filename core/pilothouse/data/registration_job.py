"""Registering a file in a child process of the worker, bounded in memory, with its progress."""

from __future__ import annotations

from typing import Any

from pilothouse.data.api import Data
from pilothouse.data.info import DatasetVersionInfo
from pilothouse.data.reading_options import ReadOptions
from pilothouse.data.uploads import remove_upload
from pilothouse.jobs import Progress
from pilothouse.storage import Store


def register_job(
    store: Store,
    progress: Progress,
    *,
    dataset: str,
    path: str,
    filename: str,
    options: dict[str, Any],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Register the file and name the version that it is."""
    version = Data(store).register(
        dataset,
        path,
        filename=filename,
        options=ReadOptions.from_json(options),
        progress=progress,
        **about,
    )
    remove_upload(store, path)
    return _result(version)


def register_source_job(
    store: Store,
    progress: Progress,
    *,
    dataset: str,
    kind: str,
    settings: dict[str, Any],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Register the rows of a source and name the version that they are."""
    version = Data(store).register_from(dataset, kind, settings, progress=progress, **about)
    return _result(version)


def refresh_job(
    store: Store, progress: Progress, *, dataset: str, on_breach: str, release_reason: str = ""
) -> dict[str, Any]:
    """Refresh a dataset; the version, and how it differs from the one before it."""
    data = Data(store)
    before = data.version(dataset).ref
    version = data.refresh(
        dataset, on_breach=on_breach, release_reason=release_reason, progress=progress
    )
    diff = "" if version.existed else data.diff(before, version.ref).message
    return {**_result(version), "before": before, "diff": diff, "breach": version.breach}


def _result(version: DatasetVersionInfo) -> dict[str, Any]:
    """What a job says of a version; `held` is what its quality checks hold it back for."""
    held = version.held_for if version.status == "held" else ""
    about = {"rows": version.rows, "existed": version.existed}
    return {"dataset": version.ref, **about, **({"held": held} if held else {})}
