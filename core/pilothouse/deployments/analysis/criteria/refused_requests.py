"""The share of requests that were refused because they do not fit the signature."""

from __future__ import annotations

from pilothouse.deployments.analysis.criteria import criteria
from pilothouse.deployments.analysis.criterion_result import CriterionResult
from pilothouse.deployments.analysis.request_shares import compare_request_shares, share_limit
from pilothouse.deployments.analysis.traffic_needed import (
    MAX_REQUESTS,
    RequestShares,
    requests_for_share,
)
from pilothouse.deployments.analysis.variant_samples import VariantSample
from pilothouse.kit.parameters import Params

KIND = "refused_requests"


@criteria.register(KIND)
class RefusedRequests:
    """A candidate with another signature refuses what callers have always sent."""

    title = "Refused requests"
    description = (
        "The share of requests that are refused may be at most `limit` above the stable one."
    )
    required = False
    parameters = (share_limit(0.05),)

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on the difference of the two shares."""
        return compare_request_shares(
            KIND,
            (stable.refusals, stable.requests),
            (candidate.refusals, candidate.requests),
            params.number("limit"),
            level,
            "were refused",
        )

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """As many as exclude a rise when as many are refused as today."""
        return requests_for_share(today.refused, params.number("limit"), level) or MAX_REQUESTS
