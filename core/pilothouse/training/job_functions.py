"""Training in a child process: light to import for workers, which name these functions.

What trains (scikit-learn, pandas, SciPy: 1.5 s and 140 MB) is imported in the child alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilothouse.jobs import Progress
from pilothouse.storage import Store


def train_one(
    store: Store, progress: Progress, *, spec: Mapping[str, Any], job_id: str
) -> dict[str, Any]:
    """Train what one spec says; the result is that of `fit.train_job`."""
    from pilothouse.training.fit import train_job

    return train_job(store, progress, spec=spec, job_id=job_id)


def train_all(
    store: Store, progress: Progress, *, specs: Sequence[Mapping[str, Any]], job_id: str
) -> dict[str, Any]:
    """Train several specs; the result is that of `fit.train_all_job`."""
    from pilothouse.training.fit import train_all_job

    return train_all_job(store, progress, specs=specs, job_id=job_id)


def try_all(
    store: Store,
    progress: Progress,
    *,
    specs: Sequence[Mapping[str, Any]],
    job_id: str,
    seconds: float,
) -> dict[str, Any]:
    """Train every trainer of a task; the result is that of `all_trainers.try_all_job`."""
    from pilothouse.training.all_trainers import try_all_job

    return try_all_job(store, progress, specs=specs, job_id=job_id, seconds=seconds)
