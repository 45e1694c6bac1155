"""A model process must be able to load the candidate and answer its example."""

from __future__ import annotations

from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "answers_example"


@gates.register(GATE)
def answers_example(evidence: Evidence, /) -> Verdict:
    """A model process loaded the version and answered its example: it can be served."""
    if evidence.trial is None:
        words = "it has not been tried in a model process; register or promote it in Pilothouse"
        return Verdict(GATE, "inconclusive", None, None, words)
    if evidence.trial.answered:
        words = "a model process loaded it and answered its example"
        return Verdict(GATE, "passed", None, None, words)
    words = f"a model process cannot answer its example: {evidence.trial.message}"
    return Verdict(GATE, "failed", None, None, words)
