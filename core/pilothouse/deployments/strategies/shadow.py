"""Send the candidate copies of live requests; its answers reach nobody."""

from __future__ import annotations

from pilothouse.deployments.strategies import (
    COMPARED,
    MAX_SECONDS,
    SMOKE_TEST,
    RolloutStep,
    basis_points,
    strategies,
)
from pilothouse.kit.parameters import Parameter, Params


@strategies.register("shadow")
class Shadow:
    """For changes whose answers must be seen on real requests before anybody gets them."""

    title = "Shadow"
    description = (
        "The candidate gets copies of live requests after they were answered, and its answers "
        "are compared with the live ones, pair by pair. Copies are dropped and counted when it "
        "is busy; callers never wait for it."
    )
    max_candidates = 1
    parameters = (
        Parameter(
            "percent", "number", 100, 0.01, 100, unit="%", title="Share that is copied",
            help="The share of the requests that is copied to the candidate.",
        ),
        Parameter(
            "seconds", "integer", 3_600, 1, MAX_SECONDS, unit="s", title="Length",
            help="How long requests are copied at least.",
        ),
        Parameter(
            "replace", "boolean", False, title="Serve it afterwards",
            help="The candidate takes all requests when the comparison has passed.",
        ),
        SMOKE_TEST,
        *COMPARED,
    )  # fmt: skip

    @staticmethod
    def steps(settings: Params, candidates: int) -> tuple[RolloutStep, ...]:
        """A start without requests, then copies."""
        share = basis_points(settings["percent"], "percent")
        return (
            RolloutStep("Start", (0,), smoke_test=settings["smoke_test"]),
            RolloutStep(
                f"Copies of {share / 100:g} % of the requests",
                (0,),
                mirrors=(share,),
                seconds=settings.integer("seconds"),
                analysis=True,
            ),
        )

    @staticmethod
    def replaces(settings: Params) -> bool:
        """Only when it is asked for."""
        return bool(settings["replace"])
