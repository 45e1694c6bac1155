"""The data that the candidate was trained on must have a schema contract."""

from __future__ import annotations

from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "has_contract"


@gates.register(GATE)
def has_contract(evidence: Evidence, /) -> Verdict:
    """A contract is kept with the dataset version, and it covers every input of the model."""
    wanted = float(len(evidence.inputs))
    if evidence.contract is None:
        data = evidence.candidate.dataset or "the candidate's data"
        return Verdict(GATE, "failed", 0.0, wanted, f"{data} has no schema contract")
    covered = wanted - len(evidence.contract.uncovered)
    if evidence.contract.uncovered:
        names = ", ".join(evidence.contract.uncovered)
        words = f"the contract of {evidence.contract.dataset} says nothing of {names}"
        return Verdict(GATE, "failed", covered, wanted, words)
    words = f"the contract of {evidence.contract.dataset} covers all {covered:.0f} inputs"
    return Verdict(GATE, "passed", covered, wanted, words)
