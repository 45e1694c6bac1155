"""Compare versions on constant shares of the callers, until a person chooses one."""

from __future__ import annotations

from pilothouse.deployments.strategies import (
    COMPARED,
    MAX_SECONDS,
    SMOKE_TEST,
    RolloutStep,
    basis_points,
    strategies,
)
from pilothouse.deployments.traffic_split import BUCKETS
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

MAX_CANDIDATES = 4


@strategies.register("ab_test")
class AbTest:
    """For the question which version is better for the business."""

    title = "A/B test"
    description = (
        "Up to four candidates and the stable version each answer a constant share; a caller with "
        "an entity id always gets the same version. Rewards that you send are compared, and at "
        "the end a person chooses the version that stays."
    )
    max_candidates = MAX_CANDIDATES
    parameters = (
        Parameter(
            "shares", "list", [], unit="%", title="Shares",
            help="The share of each candidate in percent; empty for equal shares.",
        ),
        Parameter(
            "seconds", "integer", 7 * 86_400, 1, MAX_SECONDS, unit="s", title="Length",
            help="How long the versions are compared at least.",
        ),
        SMOKE_TEST,
        *COMPARED,
    )  # fmt: skip

    @staticmethod
    def steps(settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """A start without requests, then constant shares until a person chooses."""
        weights = _weights(settings, candidates)
        return (
            RolloutStep("Start", (0,) * candidates, smoke_test=settings["smoke_test"]),
            RolloutStep(
                "Compare",
                weights,
                seconds=settings.integer("seconds"),
                analysis=True,
                approval=True,
            ),
        )

    @staticmethod
    def replaces(settings: Params) -> bool:
        """The version that is chosen replaces the stable one."""
        return True


def _weights(settings: Params, candidates: int) -> tuple[int, ...]:
    if not settings["shares"]:
        return (BUCKETS // (candidates + 1),) * candidates
    weights = tuple(basis_points(percent, "shares") for percent in settings["shares"])
    if len(weights) != candidates or sum(weights) >= BUCKETS:
        needed = f"{candidates} percentages, one a candidate, that sum to less than 100"
        raise Invalid(f"shares must be {needed}.", fields={"params.shares": needed})
    return weights
