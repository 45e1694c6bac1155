"""The candidate must be better than the champion beyond chance."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import CHAMPION_DIFFERENCE, Uses, Verdict, gates
from pilothouse.registry.gates.paired import paired_interval

GATE = "better_than_champion"


@gates.register(GATE)
class BetterThanChampion:
    """The more candidates were compared on these rows, the wider the interval must be.

    The best of many equal ones looks better by chance alone (Bonferroni's correction).
    """

    title = "Better than the champion"
    description = (
        "The 95 % interval of the difference to the champion on the same rows lies on the better "
        "side. It is widened for the number of candidates that were compared on these rows."
    )
    unit = ""
    uses = Uses(CHAMPION_DIFFERENCE, against_champion=True)
    parameters = (
        Parameter(
            "candidates", "integer", low=1, high=100_000,
            help="How many were compared; empty for the runs that held out the same rows.",
        ),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the least gain within the interval, which must be above 0."""
        paired = paired_interval(GATE, BetterThanChampion.uses, evidence, params)
        if isinstance(paired, Verdict):
            return paired
        compared = params.get("candidates") or evidence.candidates
        least = paired.least_gain(compared)
        among = f", widened for {compared:,} candidates" if compared > 1 else ""
        result = "is better beyond chance" if least > 0 else "is not better beyond chance"
        message = f"it {result}; {paired.text}{among}"
        return Verdict(GATE, "passed" if least > 0 else "failed", least, 0.0, message)
