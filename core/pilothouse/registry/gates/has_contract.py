"""The data that the candidate was trained on must have a schema contract."""

from __future__ import annotations

from typing import ClassVar

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "has_contract"
UNKNOWN_DATA = "its data is not known; evaluate the version on a dataset with a contract"


@gates.register(GATE)
class HasContract:
    """Inputs without a contract would be served unchecked."""

    title = "Schema contract present"
    description = (
        "A contract is stored with the dataset version, and it covers every input of the model."
    )
    unit = "inputs"
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """The figure is the number of inputs that the contract covers, the limit is all of them."""
        inputs = float(len(evidence.inputs))
        if evidence.contract is None:
            data = evidence.candidate.dataset
            if not data:
                return Verdict(GATE, "inconclusive", None, inputs, UNKNOWN_DATA)
            message = f"{data} has no schema contract"
            return Verdict(GATE, "failed", 0.0, inputs, message)

        covered = inputs - len(evidence.contract.uncovered)
        if evidence.contract.uncovered:
            names = ", ".join(evidence.contract.uncovered)
            message = f"the contract of {evidence.contract.dataset} does not cover {names}"
            return Verdict(GATE, "failed", covered, inputs, message)
        noun = "input" if covered == 1 else "inputs"
        message = f"the contract of {evidence.contract.dataset} covers all {covered:.0f} {noun}"
        return Verdict(GATE, "passed", covered, inputs, message)
