"""A check is larger than a fixed threshold."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.rules import rule_kinds


@rule_kinds.register("above")
class Above:
    """For distances, shares and losses, where large is bad."""

    title = "Above a threshold"
    phrase = "is above"
    description = "Breaches when the check is larger than the threshold."
    unit = ""
    in_tolerances = False
    parameters = (
        Parameter("threshold", "number", 0.2, help="A larger value of the check breaches."),
    )

    @staticmethod
    def excess(score: float, reference: float | None, threshold: float) -> float | None:
        """The score less the threshold."""
        return score - threshold

    @staticmethod
    def limit(reference: float | None, threshold: float) -> float | None:
        """The threshold itself."""
        return threshold

    @staticmethod
    def describe(score: float, reference: float | None, threshold: float) -> str:
        """Such as "above 0.2"."""
        return f"above {threshold:g}"
