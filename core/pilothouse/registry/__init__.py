"""The registry: models, their versions and stages, and the decisions that moved them.

`Registry` is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.registry.api import Registry

__all__ = ["Registry"]


def __getattr__(name: str) -> type[Registry]:
    if name == "Registry":
        from pilothouse.registry.api import Registry

        return Registry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
