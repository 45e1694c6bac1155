"""An answer must come soon enough."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Uses, Verdict, at_most, gates

GATE = "latency"


@gates.register(GATE)
class Latency:
    """Single rows are answered by a model process on this machine, one after the other."""

    title = "Fast enough"
    description = (
        "95 of 100 requests with one row are answered by a model process of the version within "
        "`p95` milliseconds, without network and queue."
    )
    unit = "ms"
    uses = Uses("model_process")
    parameters = (Parameter("p95", "number", 100.0, low=0.1, unit="ms", help="The longest p95."),)

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the 95th percentile in milliseconds."""
        measured = Latency.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        figures, limit = measured.figures, params.number("p95")
        message = f"p95 {figures['p95_ms']:.1f} ms, median {figures['p50_ms']:.1f} ms"
        message += f" of {figures['requests']} requests with one row"
        return at_most(GATE, figures["p95_ms"], limit, message)
