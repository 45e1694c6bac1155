"""Training: trainers, splits, search and evaluation, run as durable jobs that log runs.

`Training` is loaded on first use, so that a model process can import `encoding` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilothouse.training.spec import TrainingSpec

if TYPE_CHECKING:
    from pilothouse.training.api import Training

__all__ = ["Training", "TrainingSpec"]


def __getattr__(name: str) -> type[Training]:
    if name == "Training":
        from pilothouse.training.api import Training

        return Training
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
