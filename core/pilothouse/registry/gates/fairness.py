"""Groups of people must be treated alike, within a limit."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Uses, Verdict, at_most, gates

GATE = "fairness"
UNDECLARED = "no columns with groups are named: set the gate's columns"


@gates.register(GATE)
class Fairness:
    """The differences are those of fairlearn; columns may be others than the model's inputs."""

    title = "Groups treated alike"
    description = (
        "Between any two groups of each of `columns`, the rates of the model's kind (demographic "
        "parity and equalised odds of two classes, accuracy of several) differ by at most "
        "`difference`; the mean absolute error of a number by that share of all rows'."
    )
    unit = ""
    uses = Uses("group_gaps", ("columns", "min_rows"))
    parameters = (
        Parameter("columns", "text", "", help="Columns of the dataset, separated by commas."),
        Parameter("min_rows", "integer", 50, low=2, help="Smaller groups are left out."),
        Parameter("difference", "number", 0.1, low=0.0, high=1.0, help="The largest that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the largest difference between two groups."""
        if not params.text("columns").strip():
            return Verdict(GATE, "inconclusive", None, None, UNDECLARED)
        measured = Fairness.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        worst = max(measured.figures["gaps"], key=lambda gap: float(gap["difference"]))
        message = (
            f"{worst['title']} {worst['difference']:.3f} by {worst['column']}: "
            f"{worst['low_group']} {worst['low']:.3g}, {worst['high_group']} {worst['high']:.3g}"
        )
        if left_out := measured.figures["too_small"]:
            message += f" (too small to be judged: {left_out})"
        return at_most(GATE, worst["difference"], params.number("difference"), message)
