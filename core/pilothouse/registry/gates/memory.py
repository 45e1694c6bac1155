"""A model process must fit into memory."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Uses, Verdict, at_most, gates

GATE = "memory"


@gates.register(GATE)
class SmallInMemory:
    """What the process of a version holds after it has answered."""

    title = "Small enough in memory"
    description = "A model process of the version takes at most `limit` megabytes of memory."
    unit = "MB"
    uses = Uses("model_process")
    parameters = (
        Parameter("limit", "number", 1000.0, low=1.0, unit="MB", help="The most that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the resident memory in megabytes."""
        measured = SmallInMemory.uses.find(GATE, evidence, params)
        if isinstance(measured, Verdict):
            return measured
        size = measured.figures["memory_mb"]
        return at_most(GATE, size, params.number("limit"), f"its process takes {size:,.0f} MB")
