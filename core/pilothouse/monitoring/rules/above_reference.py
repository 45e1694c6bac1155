"""A check is larger than in the reference by more than a tolerance."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter
from pilothouse.monitoring.rules import rule_kinds


@rule_kinds.register("above_reference")
class AboveReference:
    """For metrics that have a value on the reference rows."""

    title = "Above the reference"
    phrase = "is above the reference by more than"
    description = (
        "Breaches when the check is larger than on the reference rows by more than the threshold."
    )
    unit = ""
    in_tolerances = False
    parameters = (Parameter("threshold", "number", 0.05, help="The difference that is tolerated."),)

    @staticmethod
    def excess(score: float, reference: float | None, threshold: float) -> float | None:
        """How much more than the tolerance the score differs; None without a reference."""
        return None if reference is None else score - reference - threshold

    @staticmethod
    def limit(reference: float | None, threshold: float) -> float | None:
        """The reference's value and the tolerance; None without a reference."""
        return None if reference is None else reference + threshold

    @staticmethod
    def describe(score: float, reference: float | None, threshold: float) -> str:
        """Such as "0.060 above the reference's 0.700 (tolerated: 0.05)"."""
        base = reference or 0.0
        gap = abs(score - base)
        return f"{gap:.3f} above the reference's {base:.3f} (tolerated: {threshold:g})"
