"""The deletion of old dataset versions, as a child process runs it."""

from __future__ import annotations

from typing import Any

from pilothouse.data.retention import delete_old
from pilothouse.jobs import Progress
from pilothouse.pipelines.dataset_uses import dataset_uses
from pilothouse.storage import Store


def delete_old_versions(
    store: Store,
    progress: Progress,
    *,
    dataset: str,
    keep_versions: int,
    keep_days: int,
    reason: str,
) -> dict[str, Any]:
    """Delete what is too old of a dataset; the result names the versions. Idempotent."""
    deleted = delete_old(
        store, dataset, keep_versions, keep_days, dataset_uses, reason or "too old", progress
    )
    return {"deleted": deleted}
