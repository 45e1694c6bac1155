"""Registering a file in a child process of the worker, bounded in memory, with its progress."""

from __future__ import annotations

from typing import Any

from pilothouse.data.api import Data
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
    return {"dataset": version.ref, "rows": version.rows, "existed": version.existed}
