"""Monitoring: windows, profiles, drift, realised performance, alerts.

`Monitoring` is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.monitoring.api import Monitoring

__all__ = ["Monitoring"]


def __getattr__(name: str) -> type[Monitoring]:
    if name == "Monitoring":
        from pilothouse.monitoring.api import Monitoring

        return Monitoring
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
