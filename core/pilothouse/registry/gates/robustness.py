"""Noisy, missing and shifted values must not ruin the answers."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Uses, Verdict, at_most, gates

GATE = "robustness"
DEFAULT, TOLERANCES = 0.1, 2


@gates.register(GATE)
class Robustness:
    """The version answers changed copies of its held-out rows in a model process."""

    title = "Robust to poor inputs"
    description = (
        "The metric falls by at most `fall` when numbers get noise, values go missing, or one "
        "column of numbers is shifted: `noise` and `shift` are in standard deviations, `missing` "
        "is a share."
    )
    unit = ""
    uses = Uses("robustness", ("metric", "noise", "missing", "shift"))
    parameters = (
        METRIC,
        Parameter("noise", "number", 0.1, low=0.0, high=2.0, help="Of every number."),
        Parameter("missing", "number", 0.05, low=0.0, high=0.5, help="Of values that may miss."),
        Parameter("shift", "number", 0.5, low=0.0, high=5.0, help="Of one column at a time."),
        Parameter(
            "fall", "number", low=0.0,
            help="Empty for twice what monitoring tolerates of the metric.",
        ),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the largest fall of the metric, the limit what is allowed."""
        measured = Robustness.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        kind, clean = evidence.kind(measured.figures["metric"]), measured.figures["value"]
        worst = max(measured.figures["changes"], key=lambda change: float(change["fall"]))
        allowed = params.get("fall")
        if allowed is None:
            allowed = TOLERANCES * (evidence.tolerance(kind.key) or DEFAULT / TOLERANCES)
        limit = evidence.in_unit(kind.key, float(allowed), clean)
        message = (
            f"{kind.title} {kind.format_value(worst['value'])} with {worst['title']}, "
            f"{kind.format_value(clean)} without"
        )
        return at_most(GATE, worst["fall"], limit, message)
