"""A gate that is one file."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates


@gates.register("enough_inputs")
class EnoughInputs:
    """A model of too few columns is not trusted."""

    title = "Enough inputs"
    description = "The candidate has at least `count` inputs."
    unit = "columns"
    parameters = (Parameter("count", "integer", 2, 1, 500, help="The fewest inputs that pass."),)

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the number of inputs."""
        inputs, least = len(evidence.inputs), params.integer("count")
        message = f"it has {inputs} inputs, and {least} are needed"
        if inputs >= least:
            return Verdict("enough_inputs", "passed", inputs, least, message)
        return Verdict("enough_inputs", "failed", inputs, least, message)
