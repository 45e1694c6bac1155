"""Level 0 to 1, tracked: what ran is recorded, and what serves was put there by a command."""

from __future__ import annotations

from pilothouse.governance.maturity.checks import (
    NOTHING,
    MaturityCheck,
    Mend,
    attested_or,
    maturity_checks,
    of_deployments,
    of_versions,
)
from pilothouse.governance.maturity.evidence_values import (
    MaturityEvidence,
    ProductionEvidence,
    RunGaps,
    ServingDeployment,
)
from pilothouse.governance.maturity.verdicts import (
    EvidenceLink,
    MaturityVerdict,
    counted,
    failed,
    of_every,
    passed,
)

NO_RUNS = "no training was recorded yet"


def _of_runs(evidence: MaturityEvidence, gaps: RunGaps) -> MaturityVerdict:
    return counted(evidence.runs, gaps.links, gaps.missing, "trainings", NO_RUNS)


def _made_by_run(version: ProductionEvidence) -> str:
    return "" if version.run else "the run that made it is not recorded here"


def _has_owner(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(version: ProductionEvidence) -> str:
        lacking = [("owner", version.owner), ("description", version.description)]
        return " and ".join(f"no {what}" for what, text in lacking if not text)

    models = {version.model: version for version in evidence.versions}
    return of_every(
        list(models.values()),
        lambda version, text: EvidenceLink("model", version.model, version.model, text),
        reason,
        "models",
        NOTHING,
    )


def _is_sound(version: ProductionEvidence) -> str:
    return "" if version.is_sound else "its file is gone, or is not the one that was registered"


def _launched_here(deployment: ServingDeployment) -> str:
    if deployment.external:
        return "it is served elsewhere"
    return f"{deployment.unexplained} changes without an actor" if deployment.unexplained else ""


def _delivered(evidence: MaturityEvidence) -> MaturityVerdict:
    if evidence.delivered:
        first = evidence.delivered[0]
        return passed(f"{first.title}: {first.text}", *evidence.delivered)
    if not evidence.channels:
        return failed("no channel delivers alerts")
    return failed("no channel that is on has delivered a message; send a test message")


maturity_checks.register("runs_recorded")(
    MaturityCheck(
        number=1,
        title="Every training has parameters, metrics, times and a user",
        description="Every training that finished and is not archived says what it was given, what "
        "it gave, when, and who started it.",
        level=1,
        area="model",
        must=True,
        evaluate=lambda evidence: _of_runs(evidence, evidence.unrecorded),
        mend=Mend("Log what is missing, or archive the run", "experiments", "run"),
        effort="hours",
        tags=("G1", "N-Measure"),
    )
)
maturity_checks.register("code_identity")(
    MaturityCheck(
        number=2,
        title="Every training knows its code",
        description="A commit, a digest of the code, or the release of the program that trained "
        "it.",
        level=1,
        area="infrastructure",
        must=True,
        evaluate=lambda evidence: _of_runs(evidence, evidence.without_code),
        mend=Mend("Train from a repository, or archive the run", "experiments", "run"),
        effort="hours",
        tags=("T-Model1", "E"),
    )
)
maturity_checks.register("environment_recorded")(
    MaturityCheck(
        number=3,
        title="Every training knows its environment and its seed",
        description="The version of Python, those of the packages, and the seed of chance.",
        level=1,
        area="infrastructure",
        must=True,
        evaluate=lambda evidence: _of_runs(evidence, evidence.without_environment),
        mend=Mend("Log them in the training, or archive the run", "experiments", "run"),
        effort="hours",
        tags=("T-Infra1",),
    )
)
maturity_checks.register("recorded_run")(
    MaturityCheck(
        number=4,
        title="Every version in production comes from a recorded run",
        description="The run that made it is in this workspace, with what it recorded.",
        level=1,
        area="model",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _made_by_run),
        mend=Mend("Register a version from a run", "experiments"),
        effort="hours",
        tags=("M2",),
    )
)
maturity_checks.register("owner_and_description")(
    MaturityCheck(
        number=5,
        title="Every model has an owner and a description",
        description="The tag `owner` or who created the model, and its note.",
        level=1,
        area="governance",
        evaluate=_has_owner,
        mend=Mend("Describe the model", kind="model"),
        tags=("N-Govern",),
    )
)
maturity_checks.register("files_sound")(
    MaturityCheck(
        number=6,
        title="Model files still have the bytes that were registered",
        description="The files of what is in production are read, and hashed again.",
        level=1,
        area="infrastructure",
        evaluate=lambda evidence: of_versions(evidence, _is_sound),
        mend=Mend("Look at the version", kind="version"),
        effort="hours",
    )
)
maturity_checks.register("code_tested")(
    MaturityCheck(
        number=7,
        title="Model code and serving code were tested in the last 30 days",
        description="A person attests that the tests of the model's code ran green; the statement "
        "holds for 30 days.",
        level=1,
        area="infrastructure",
        evaluate=lambda evidence: attested_or(
            evidence, "code_tested", failed("nobody has attested it in the last 30 days")
        ),
        mend=Mend("Attest it", "maturity"),
        effort="hours",
        tags=("T-Infra2",),
        attest_days=30,
    )
)
maturity_checks.register("deployed_by_command")(
    MaturityCheck(
        number=8,
        title="Deployments are made here, and not by hand",
        description="Processes of this workspace serve what is in production, and every change of "
        "a deployment has its actor.",
        level=1,
        area="infrastructure",
        evaluate=lambda evidence: of_deployments(evidence, _launched_here),
        mend=Mend("Deploy the version", "deployments"),
        tags=("M1",),
    )
)
maturity_checks.register("channel_delivers")(
    MaturityCheck(
        number=9,
        title="Alerts reach people by a channel that delivers",
        description="A message, such as a test message, was delivered by a channel that is on.",
        level=1,
        area="monitoring",
        evaluate=_delivered,
        mend=Mend("Add a channel and send a test message", "channels"),
    )
)
