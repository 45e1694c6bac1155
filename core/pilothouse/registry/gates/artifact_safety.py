"""Loading the model's files must run nothing that nobody has looked at."""

from __future__ import annotations

from pilothouse.kit.parameters import Parameter, Params
from pilothouse.models.audit import OWN_CODE
from pilothouse.registry.evidence import Evidence
from pilothouse.registry.gates import Verdict, gates

GATE = "artifact_safety"


@gates.register(GATE)
class ArtifactSafety:
    """What the files would import was read from them without loading them."""

    title = "Safe to load"
    description = (
        "The model's files hold data only, name only classes of known libraries, or were written "
        "by a training here; own code passes with `own_code` once a person has approved it."
    )
    unit = ""
    parameters = (
        Parameter("own_code", "boolean", True, help="Whether own code that is approved passes."),
    )

    @staticmethod
    def evaluate(evidence: Evidence, params: Params) -> Verdict:
        """There is no figure: the message names the badge of the files."""
        artifact = evidence.artifact
        if artifact is None or not (artifact.badge or artifact.refused):
            message = "its files were not read yet: open the version's page, or `models audit`"
            return Verdict(GATE, "inconclusive", None, None, message)
        if artifact.refused:
            return Verdict(GATE, "failed", None, None, artifact.refused)
        if artifact.badge == OWN_CODE and not params["own_code"]:
            message = "loading it runs its author's own code, which this gate does not let through"
            return Verdict(GATE, "failed", None, None, message)
        approved = ", which is approved" if artifact.badge == OWN_CODE else ""
        return Verdict(GATE, "passed", None, None, f"its files are {artifact.badge}{approved}")
