"""The training, run again, must give the same metric."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import METRIC, Uses, Verdict, at_most, gates

GATE = "reproducible"


@gates.register(GATE)
class Reproducible:
    """The spec of the run is trained again, here and now, and its metric compared."""

    title = "Reproducible"
    description = (
        "The training of the version's run, run again from its stored spec and data, gives its "
        "metric within `tolerance`."
    )
    unit = ""
    uses = Uses("reproduction", ("metric",), of_training=True)
    parameters = (
        METRIC,
        Parameter("tolerance", "number", 0.001, low=0.0, help="The largest difference, as a share "
                  "of the metric."),
    )  # fmt: skip

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the difference of the metric, the limit what is allowed."""
        measured = Reproducible.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        kind = evidence.kind(measured.figures["metric"])
        recorded, again = measured.figures["recorded"], measured.figures["again"]
        limit = params.number("tolerance") * abs(recorded)
        message = (
            f"{kind.title} {kind.format_value(again)} when trained again, "
            f"{kind.format_value(recorded)} recorded"
        )
        return at_most(GATE, abs(again - recorded), limit, message)
