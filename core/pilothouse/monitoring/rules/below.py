"""A check is smaller than a fixed threshold."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.rules import rule_kinds


@rule_kinds.register("below")
class Below:
    """For metrics such as accuracy, where small is bad."""

    title = "Below a threshold"
    phrase = "is below"
    description = "Breaches when the check is smaller than the threshold."
    unit = ""
    in_tolerances = False
    parameters = (
        Parameter("threshold", "number", 0.6, help="A smaller value of the check breaches."),
    )

    @staticmethod
    def excess(score: float, reference: float | None, threshold: float) -> float | None:
        """The threshold less the score."""
        return threshold - score

    @staticmethod
    def limit(reference: float | None, threshold: float) -> float | None:
        """The threshold itself."""
        return threshold

    @staticmethod
    def describe(score: float, reference: float | None, threshold: float) -> str:
        """Such as "below 0.6"."""
        return f"below {threshold:g}"
