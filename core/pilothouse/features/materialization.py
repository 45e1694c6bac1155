"""Bringing the newest values of a feature store into its online store, as a job."""

from __future__ import annotations

from typing import Any

from pilothouse.features.api import Features
from pilothouse.jobs import Progress
from pilothouse.storage import Store


def materialize_job(
    store: Store, progress: Progress, *, name: str, views: list[str], hours: float | None
) -> dict[str, Any]:
    """Materialize up to now; until when each view is afterwards."""
    progress(0.05, "the feature store brings its values online")
    return {"store": name, "views": Features(store).materialize(name, views=views, hours=hours)}
