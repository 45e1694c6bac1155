"""A check is worse than in the reference by more than its own tolerance."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.rules import rule_kinds


@rule_kinds.register("worse_than_tolerated")
class WorseThanTolerated:
    """For any metric, whichever way it is better and whatever its unit."""

    title = "Worse than tolerated"
    phrase = "is worse than the reference by more than"
    description = (
        "Breaches when the check is worse than on the reference rows by more than so many times "
        "its tolerance, whichever way it is better."
    )
    unit = "times the tolerance"
    in_tolerances = True
    parameters = (
        Parameter(
            "threshold",
            "number",
            1.0,
            low=0.0,
            unit="times the tolerance",
            help="At 1 it breaches where the check itself fails.",
        ),
    )

    @staticmethod
    def excess(score: float, reference: float | None, threshold: float) -> float | None:
        """The tolerances beyond the reference less the threshold."""
        return score - threshold

    @staticmethod
    def limit(reference: float | None, threshold: float) -> float | None:
        """The threshold itself."""
        return threshold

    @staticmethod
    def describe(score: float, reference: float | None, threshold: float) -> str:
        """Such as "worse than the reference by 1.4 times the tolerance"."""
        return f"worse than the reference by {score:.3g} times the tolerance"
