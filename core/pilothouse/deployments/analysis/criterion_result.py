"""What one criterion says of two versions: its outcome, both figures and the limit."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pilothouse.deployments.analysis.confidence_sequences import AnytimeInterval

Outcome = Literal["passed", "failed", "inconclusive"]


@dataclass(frozen=True)
class CriterionResult:
    """The outcome of one criterion: both figures, their difference with its interval, the limit.

    `low` and `high` are the ends of the interval of what is compared with the limit; an end that
    is not bounded is None. `has_data` is False while nothing can be compared, such as before the
    first label. `dry_run` results are shown and decide nothing.
    """

    criterion: str
    outcome: Outcome
    message: str
    stable: float | None = None
    candidate: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    has_data: bool = True
    required: bool = True
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)


def decided(interval: AnytimeInterval, limit: float) -> Outcome:
    """Failed when the whole interval is above the limit, passed when it is not above it."""
    if interval.low > limit:
        return "failed"
    return "passed" if interval.high <= limit else "inconclusive"


def finite(value: float) -> float | None:
    """The value, or None for one that is not known or not bounded."""
    return float(value) if math.isfinite(value) else None


def no_data(criterion: str, message: str) -> CriterionResult:
    """The result of a criterion that has nothing to compare yet."""
    return CriterionResult(criterion, "inconclusive", message, has_data=False)
