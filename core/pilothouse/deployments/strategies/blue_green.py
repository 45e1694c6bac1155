"""Try the candidate beside the live version, then swap, and swap back while it is watched."""

from __future__ import annotations

from pilothouse.deployments.strategies import (
    COMPARED,
    MAX_SECONDS,
    SMOKE_TEST,
    RolloutStep,
    strategies,
)
from pilothouse.deployments.traffic_split import BUCKETS
from pilothouse.kit.parameters import Parameter, Params


@strategies.register("blue_green")
class BlueGreen:
    """For changes that must not be seen by some callers only."""

    title = "Blue-green"
    description = (
        "The candidate (green) starts beside the live version (blue) and answers only requests "
        "that name it. After its smoke test, and your approval if you ask for it, it takes all "
        "requests at once; blue stays warm while green is compared with blue's figures from before."
    )
    max_candidates = 1
    parameters = (
        SMOKE_TEST,
        Parameter(
            "preview_seconds", "integer", 0, 0, MAX_SECONDS, unit="s", title="Preview",
            help="How long green is only reachable by name before the swap.",
        ),
        Parameter(
            "approval", "boolean", False, title="Ask before the swap",
            help="The rollout waits for a person before green takes the requests.",
        ),
        Parameter(
            "bake_seconds", "integer", 600, 1, MAX_SECONDS, unit="s", title="Watch after the swap",
            help="How long green is watched, with blue ready to take back all requests at once.",
        ),
        *COMPARED,
    )  # fmt: skip

    @staticmethod
    def steps(settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """Preview, then swap and watch."""
        return (
            RolloutStep(
                "Preview",
                (0,),
                previews=True,
                seconds=settings.integer("preview_seconds"),
                approval=settings["approval"],
                smoke_test=settings["smoke_test"],
            ),
            RolloutStep(
                "Swapped", (BUCKETS,), seconds=settings.integer("bake_seconds"), analysis=True
            ),
        )

    @staticmethod
    def replaces(settings: Params) -> bool:
        """It always replaces the version."""
        return True
