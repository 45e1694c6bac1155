"""Experiments and runs: what was tried, with which parameters, on which data, and what came out.

The names below are loaded on first use, so that a model process can import `signature` alone and
stay small.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pilothouse.experiments.api import Experiments
    from pilothouse.experiments.metrics.summary import Points
    from pilothouse.experiments.run_table.filters import RunFilter

__all__ = ["Experiments", "Points", "RunFilter"]

_HOMES = {"Experiments": "api", "Points": "metrics.summary", "RunFilter": "run_table.filters"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
