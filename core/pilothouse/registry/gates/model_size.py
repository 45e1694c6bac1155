"""The model's files must not be too large."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, at_most, gates

GATE = "model_size"
MEGABYTE = 1e6


@gates.register(GATE)
class ModelSize:
    """Large files take long to copy and to load."""

    title = "Small enough on disk"
    description = "The model's files have at most `limit` megabytes."
    unit = "MB"
    parameters = (
        Parameter("limit", "number", 500.0, low=0.001, unit="MB", help="The most that passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the size of the files in megabytes."""
        size = evidence.artifact.bytes if evidence.artifact else None
        if size is None:
            message = "its files are not in the artifact store: restore them from a backup"
            return Verdict(GATE, "inconclusive", None, None, message)
        figure = size / MEGABYTE
        amount = f"{figure:,.1f} MB" if figure >= 1 else f"{size / 1000:,.1f} kB"
        return at_most(GATE, figure, params.number("limit"), f"its files have {amount}")
