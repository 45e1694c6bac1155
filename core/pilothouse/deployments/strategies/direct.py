"""Replace the version as soon as the candidate is ready."""

from __future__ import annotations

from pilothouse.deployments.strategies import (
    SMOKE_TEST,
    START_SECONDS,
    RolloutStep,
    strategies,
)
from pilothouse.kit.parameters import Params


@strategies.register("direct")
class Direct:
    """For small changes, and for models that nobody waits for."""

    title = "Direct"
    description = (
        "The candidate takes all requests as soon as it is ready and has answered the input "
        "example. The version before stays warm for ten minutes."
    )
    max_candidates = 1
    parameters = (SMOKE_TEST, START_SECONDS)

    @staticmethod
    def steps(settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """Start it and, if asked for, let it answer the example."""
        return (RolloutStep("Start", (0,), smoke_test=settings["smoke_test"]),)

    @staticmethod
    def replaces(settings: Params) -> bool:
        """It always replaces the version."""
        return True
