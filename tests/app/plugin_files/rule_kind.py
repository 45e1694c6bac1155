"""A kind of alert rule that is one file."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.rules import rule_kinds


@rule_kinds.register("outside")
class Outside:
    """For checks that are bad on both sides of zero."""

    title = "Outside of a range"
    phrase = "is farther from zero than"
    description = "Breaches when the check is farther from zero than the threshold."
    unit = ""
    in_tolerances = False
    parameters = (
        Parameter("threshold", "number", 0.3, low=0.0, help="The distance that is tolerated."),
    )

    @staticmethod
    def excess(score: float, reference: float | None, threshold: float) -> float | None:
        """The distance from zero less the threshold."""
        return abs(score) - threshold

    @staticmethod
    def limit(reference: float | None, threshold: float) -> float | None:
        """The upper end."""
        return threshold

    @staticmethod
    def describe(score: float, reference: float | None, threshold: float) -> str:
        """Such as "farther from zero than 0.3"."""
        return f"farther from zero than {threshold:g}"
