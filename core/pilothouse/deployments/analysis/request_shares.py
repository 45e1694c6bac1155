"""The comparison of a share of requests between two variants, for the criteria that count them."""

from __future__ import annotations

from pilothouse.deployments.analysis.confidence_sequences import share_difference
from pilothouse.deployments.analysis.criterion_result import (
    CriterionResult,
    decided,
    finite,
    no_data,
)
from pilothouse.kit.parameters import Parameter


def share_limit(default: float) -> Parameter:
    """How far the share of the candidate's requests may be above the stable version's."""
    return Parameter(
        "limit", "number", default, low=0.0, high=1.0, title="May rise by",
        help="As a share of the requests: 0.02 is two in a hundred.",
    )  # fmt: skip


def compare_request_shares(
    criterion: str,
    stable: tuple[int, int],
    candidate: tuple[int, int],
    limit: float,
    level: float,
    verb: str,
) -> CriterionResult:
    """Compare (hits, requests) of both; `verb` says what happened to the hits."""
    if not stable[1] or not candidate[1]:
        return no_data(criterion, "no requests of both versions yet")
    before, after = stable[0] / stable[1], candidate[0] / candidate[1]
    rise = share_difference(stable, candidate, level)
    message = (
        f"{candidate[0]:,} of {candidate[1]:,} requests {verb} ({after:.2%}); "
        f"{before:.2%} with the stable version"
    )
    outcome = decided(rise, limit)
    return CriterionResult(
        criterion, outcome, message, before, after, finite(rise.low), finite(rise.high), limit
    )
