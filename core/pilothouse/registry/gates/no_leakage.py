"""The held-out rows must be new to the model, and its inputs known when it predicts."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Uses, Verdict, gates

GATE = "no_leakage"
SHOWN = 3


@gates.register(GATE)
class NoLeakage:
    """A leak makes held-out metrics better than those of rows that come later."""

    title = "No leakage"
    description = (
        "At most the share `overlap` of the held-out rows equals a training row, no value of "
        "`entity` is on both sides, no input gives the target away, and with `time_order` no "
        "training row is later than a held-out one."
    )
    unit = ""
    uses = Uses("leakage", ("entity",), of_training=True)
    parameters = (
        Parameter("overlap", "number", 0.01, low=0.0, high=1.0, help="Equal rows that pass."),
        Parameter("entity", "text", "", help="A column that names whom a row is about; or none."),
        Parameter("time_order", "boolean", False, help="Held-out rows are later than the others."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the share of held-out rows that equal a training row."""
        measured = NoLeakage.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        leaks, limit = measured.figures, params.number("overlap")
        reasons = [f"{proxy['column']}: {proxy['reason']}" for proxy in leaks["proxies"][:SHOWN]]
        if leaks["row_share"] > limit:
            reasons.append(f"{leaks['row_share']:.1%} of the held-out rows equal a training row")
        if leaks["entity_share"]:
            reasons.append(
                f"{leaks['entity_share']:.1%} of the held-out rows have a {params['entity']} that "
                "training rows have too"
            )
        if params["time_order"] and leaks["late_share"] is None:
            message = "the rows have no event time, so that their order is not known"
            return Verdict(GATE, "inconclusive", leaks["row_share"], limit, message)
        if params["time_order"] and leaks["late_share"]:
            reasons.append(f"{leaks['late_share']:.1%} of the training rows are later than a "
                           "held-out row")  # fmt: skip
        message = "; ".join(reasons) or (
            f"{leaks['row_share']:.1%} of the held-out rows equal a training row, and no input "
            "gives the target away"
        )
        return Verdict(GATE, "failed" if reasons else "passed", leaks["row_share"], limit, message)
