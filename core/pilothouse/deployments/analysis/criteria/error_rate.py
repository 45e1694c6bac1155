"""The share of requests that failed."""

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

KIND = "error_rate"


@criteria.register(KIND)
class ErrorRate:
    """Requests that ended in a fault of the model or of the server."""

    title = "Errors"
    description = "The share of requests that fail may be at most `limit` above the stable one."
    required = True
    parameters = (share_limit(0.02),)

    @staticmethod
    def compare(
        stable: VariantSample, candidate: VariantSample, params: Params, level: float
    ) -> CriterionResult:
        """Judged on the difference of the two shares."""
        return compare_request_shares(
            KIND,
            (stable.failures, stable.requests),
            (candidate.failures, candidate.requests),
            params.number("limit"),
            level,
            "failed",
        )

    @staticmethod
    def requests_needed(params: Params, level: float, today: RequestShares) -> int | None:
        """As many as exclude a rise when as many fail as today."""
        return requests_for_share(today.failed, params.number("limit"), level) or MAX_REQUESTS
