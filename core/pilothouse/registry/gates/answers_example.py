"""A model process must be able to load the candidate and answer its example."""

from __future__ import annotations

from typing import ClassVar

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "answers_example"


@gates.register(GATE)
class AnswersExample:
    """A version that cannot be served is not promoted."""

    title = "Answers its example"
    description = "A model process loaded the version and answered its example: it can be served."
    unit = ""
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """Passed when the trial in a model process succeeded."""
        if evidence.trial is None:
            untried = "it was not tried in a model process; register or promote it in Pilothouse"
            return Verdict(GATE, "inconclusive", None, None, untried)
        if evidence.trial.answered:
            message = "a model process loaded it and answered its example"
            return Verdict(GATE, "passed", None, None, message)
        message = f"a model process cannot answer its example: {evidence.trial.message}"
        return Verdict(GATE, "failed", None, None, message)
