"""What an answer brought, by the rewards that callers send back."""

from __future__ import annotations

from pilothouse.deployments.analysis.confidence_sequences import AnytimeInterval, mean_difference
from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import (
    CriterionResult,
    decided,
    finite,
    no_data,
)
from pilothouse.deployments.analysis.traffic_needed import RequestShares
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Parameter, Params

KIND = "reward"


@criteria.register(KIND)
class Reward:
    """The mean of rewards, such as a sale or a click; more is better."""

    title = "Reward"
    description = "The mean reward may be at most `limit` below the stable version's."
    required = False
    parameters = (
        Parameter(
            "limit", "number", 0.0, low=0.0, title="May fall by", help="In the unit of the reward."
        ),
    )

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on how far the mean fell."""
        before, after = stable.rewards, candidate.rewards
        if not len(before) or not len(after):
            return no_data(KIND, "no rewards of both versions yet")
        gain, limit = mean_difference(before, after, level), params.number("limit")
        fall = AnytimeInterval(-gain.estimate, -gain.high, -gain.low)
        message = (
            f"mean reward {after.mean():.4g} over {len(after):,}; "
            f"{before.mean():.4g} with the stable version"
        )
        return CriterionResult(
            KIND, decided(fall, limit), message, float(before.mean()), float(after.mean()),
            finite(gain.low), finite(gain.high), limit,
        )  # fmt: skip

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """It depends on when rewards come and how much they differ."""
        return None
