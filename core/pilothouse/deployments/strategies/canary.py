"""Give the candidate a growing share of the requests."""

from __future__ import annotations

from itertools import pairwise

from pilothouse.deployments.strategies import (
    COMPARED,
    MAX_SECONDS,
    MAX_STEPS,
    SMOKE_TEST,
    RolloutStep,
    basis_points,
    strategies,
)
from pilothouse.kit.errors import Invalid
from pilothouse.kit.parameters import Parameter, Params

STEPS = [5, 25, 50]


@strategies.register("canary")
class Canary:
    """The usual choice: few callers meet a fault, and figures are compared at the same time."""

    title = "Canary"
    description = (
        "The candidate answers a growing share of the requests and is compared with the stable "
        "version in each step. A caller that it has answered stays with it as the share grows."
    )
    max_candidates = 1
    parameters = (
        Parameter(
            "steps", "list", STEPS, unit="%", title="Steps",
            help="The share of the requests in each step, in percent, growing.",
        ),
        Parameter(
            "pause_seconds", "integer", 600, 0, MAX_SECONDS, unit="s", title="Length of a step",
            help="A step lasts at least that long.",
        ),
        Parameter(
            "approval", "boolean", False, title="Ask before the end",
            help="After the last step the rollout waits for a person.",
        ),
        SMOKE_TEST,
        *COMPARED,
    )  # fmt: skip

    @staticmethod
    def steps(settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """A start without requests, then one step for each share."""
        weights = [basis_points(percent, "steps") for percent in settings["steps"]]
        if not 1 <= len(weights) <= MAX_STEPS or any(a >= b for a, b in pairwise(weights)):
            needed = f"1 to {MAX_STEPS} growing percentages"
            raise Invalid(f"steps must be {needed}.", fields={"params.steps": needed})
        start = RolloutStep("Start", (0,), smoke_test=settings["smoke_test"])
        shares = [
            RolloutStep(
                f"{weight / 100:g} % of the requests",
                (weight,),
                seconds=settings.integer("pause_seconds"),
                analysis=True,
                approval=settings["approval"] and weight == weights[-1],
            )
            for weight in weights
        ]
        return (start, *shares)

    @staticmethod
    def replaces(settings: Params) -> bool:
        """It always replaces the version."""
        return True
