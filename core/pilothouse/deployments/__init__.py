"""Model versions that answer: controller, gateway, model processes, protocols, prediction log.

`Deployments` is loaded on first use, so that a model process starts with as little as it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilothouse.deployments.api import Deployments

__all__ = ["Deployments"]


def __getattr__(name: str) -> type[Deployments]:
    if name == "Deployments":
        from pilothouse.deployments.api import Deployments

        return Deployments
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
