"""No slice of the rows may be much worse than all of them."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Uses, Verdict, at_most, gates

GATE = "worst_slice"
DEFAULT, TOLERANCES = 0.1, 2  # without a tolerance of the metric; how many of them a slice may lose


@gates.register(GATE)
class WorstSlice:
    """A mean over all rows hides a value or a range of an input for which the model is poor."""

    title = "No slice much worse"
    description = (
        "In every value or range of every input with at least `min_rows` rows, the metric is at "
        "most `shortfall` worse than on all rows; a share where the metric is an error in the unit "
        "of the target."
    )
    unit = ""
    uses = Uses("worst_slice", ("metric", "min_rows"))
    parameters = (
        METRIC,
        Parameter("min_rows", "integer", 100, low=20, help="Smaller slices are left out."),
        Parameter(
            "shortfall", "number", low=0.0,
            help="Empty for twice what monitoring tolerates of the metric.",
        ),
        Parameter(
            *("too_few", "choice", "inconclusive"),
            choices=("inconclusive", "passed"),
            title="With too few rows",
            help="What it says where no slice has enough rows.",
        ),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the shortfall of the worst slice, the limit what is allowed."""
        measured = WorstSlice.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        worst, kind = measured.figures, evidence.kind(measured.figures["metric"])
        if not worst["slices"]:
            message = f"no value or range of an input has {params['min_rows']} rows"
            return Verdict(GATE, params["too_few"], None, None, message)
        allowed = params.get("shortfall")
        if allowed is None:
            allowed = TOLERANCES * (evidence.tolerance(kind.key) or DEFAULT / TOLERANCES)
        limit = evidence.in_unit(kind.key, float(allowed), worst["overall"])
        message = (
            f"worst where {worst['column']} is {worst['segment']} ({worst['count']:,} rows): "
            f"{kind.title} {kind.format_value(worst['value'])}, "
            f"{kind.format_value(worst['overall'])} on all rows"
        )
        return at_most(GATE, worst["shortfall"], limit, message)
