"""The candidate must beat the simplest models on the same rows."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Uses, Verdict, gates

GATE = "baseline_beaten"
ALL, CONSTANT = "all", "constant"
WITHOUT_INPUTS = "dummy"  # the trainer whose models ignore their inputs


@gates.register(GATE)
class BaselineBeaten:
    """A model that ignores its inputs, and a linear one, are fitted on the same training rows."""

    title = "Better than simple models"
    description = (
        "On its held-out rows the candidate's metric is better by more than `gain` than that of a "
        "model without inputs and of a linear model, which are fitted on its training rows; with "
        "`against` constant, of the one without inputs."
    )
    unit = ""
    uses = Uses("baseline", ("metric",), of_training=True)
    parameters = (
        METRIC,
        Parameter("gain", "number", 0.0, low=0.0, help="By how much it must be better."),
        Parameter(
            *("against", "choice", ALL),
            choices=(ALL, CONSTANT),
            title="Simple models",
            help="Which simple models: all of them, or the one without inputs alone.",
        ),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the candidate's metric, the limit the best simple model's with the gain."""
        measured = BaselineBeaten.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        kind, value = evidence.kind(measured.figures["metric"]), measured.figures["value"]
        sign = 1 if kind.direction == "higher" else -1
        rivals = [simple for simple in measured.figures["baselines"]
                  if params["against"] == ALL or simple["name"] == WITHOUT_INPUTS]  # fmt: skip
        if not rivals:
            return Verdict(GATE, "inconclusive", value, None, "it is a model without inputs itself")
        best = max(rivals, key=lambda simple: sign * simple["value"])
        limit = best["value"] + sign * params.number("gain")
        comparison = f"{kind.title} {kind.format_value(value)} against "
        comparison += f"{kind.format_value(best['value'])} of the {best['title']}"
        if sign * (value - limit) > 0:
            return Verdict(GATE, "passed", value, limit, f"{comparison} is better")
        return Verdict(GATE, "failed", value, limit, f"{comparison} is not enough better")
