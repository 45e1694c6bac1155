"""The candidate must be shown to be no worse than the champion by more than a margin."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import CHAMPION_DIFFERENCE, Uses, Verdict, at_most, gates
from pilothouse.registry.gates.paired import paired_interval

GATE = "non_inferior"
DEFAULT = 0.05  # of a metric that has no tolerance of its own


@gates.register(GATE)
class NonInferior:
    """Without an interval on the same rows nothing is shown, so that it never passes."""

    title = "Shown to be no worse"
    description = (
        "The 95 % interval of the difference to the champion on the same rows, by whole days or "
        "groups where rows depend on each other, ends at most `margin` on the worse side."
    )
    unit = ""
    uses = Uses(CHAMPION_DIFFERENCE, against_champion=True)
    parameters = (
        Parameter(
            "margin", "number", low=0.0,
            help="How much worse it may be; empty for what monitoring tolerates of the metric. A "
            "share of the champion's value where the metric is an error in the target's unit.",
        ),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the largest loss within the interval, the limit the margin."""
        paired = paired_interval(GATE, NonInferior.uses, evidence, params)
        if isinstance(paired, Verdict):
            return paired
        margin = params.get("margin")
        if margin is None:
            margin = evidence.tolerance(paired.metric) or DEFAULT
        champion = evidence.metric_values(paired.metric)[1] or 0.0
        limit = evidence.in_unit(paired.metric, float(margin), champion)
        message = f"it may be worse by {max(paired.worst_loss, 0):.4g}, and {limit:.4g} is allowed"
        return at_most(GATE, paired.worst_loss, limit, f"{message}; {paired.text}")
