"""Level 2 to 3, controlled release: gates, approvals, stages, and the way back."""

from __future__ import annotations

from datetime import timedelta

from pilothouse.governance.maturity.checks import (
    MaturityCheck,
    Mend,
    maturity_checks,
    of_deployments,
    of_versions,
    served,
)
from pilothouse.governance.maturity.checks.reproducing import ASK, measurement_of
from pilothouse.governance.maturity.evidence_values import (
    MaturityEvidence,
    ProductionEvidence,
    ServingDeployment,
)
from pilothouse.governance.maturity.verdicts import MaturityVerdict, not_applicable

ROLLBACK_DAYS = 90
P95_MS, ERROR_SHARE = 100.0, 0.01  # p95 as the gate of latency has it by default
MODEL_PROCESS, ERRORS = "model_process", ("service", "error_share")


def _gated(version: ProductionEvidence) -> str:
    promotion = version.promotion
    if promotion is None:
        return "no promotion moved it to production"
    if not promotion.policy or not promotion.has_evidence:
        return "its promotion has no policy and no frozen evidence"
    if not promotion.gates:
        return f"the policy {promotion.policy} has no gates"
    if promotion.failed_gates:
        return f"it did not pass {', '.join(promotion.failed_gates)}"
    return ""


def _approved(evidence: MaturityEvidence) -> MaturityVerdict:
    if evidence.people < 2:
        return not_applicable("one person alone decides here, and nobody else could approve")

    def reason(version: ProductionEvidence) -> str:
        promotion = version.promotion
        if promotion is None:
            return "no promotion moved it to production"
        others = set(promotion.approvers) - {promotion.requested_by}
        return "" if others else f"{promotion.requested_by} asked for it, and nobody else approved"

    return of_versions(evidence, reason)


def _staged(version: ProductionEvidence) -> str:
    return "" if version.staged else "it took over at once, without a stage before"


def _rolled_back(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(deployment: ServingDeployment) -> str:
        if deployment.external:
            return "it is served elsewhere, and is not rolled back from here"
        if deployment.rollback is None:
            return "it was never rolled back"
        if evidence.at - deployment.rollback > timedelta(days=ROLLBACK_DAYS):
            return f"its newest rollback is of {deployment.rollback:%Y-%m-%d}"
        if deployment.rollback_seconds is None:
            return (
                "how long its rollback took is not known: try it while the version before is warm"
            )
        return ""

    return served(evidence, reason, one=True)


def _smoke_test(version: ProductionEvidence) -> str:
    if version.answered is None:
        return "no model process was asked for its example"
    return f"it did not answer its example: {version.answered}" if version.answered else ""


def _within_budget(version: ProductionEvidence) -> str:
    measured = measurement_of(version, MODEL_PROCESS)
    if isinstance(measured, str):
        return f"its latency is not known: {measured}"
    if measured.figures["p95_ms"] > P95_MS:
        return f"p95 is {measured.figures['p95_ms']:.0f} ms, over {P95_MS:.0f} ms"
    return ""


def _enforced(deployment: ServingDeployment) -> str:
    return (
        "it is served elsewhere: its requests are not checked here" if deployment.external else ""
    )


def _signature(evidence: MaturityEvidence) -> MaturityVerdict:
    described = {v.ref for v in evidence.versions if v.signature.inputs}

    def reason(deployment: ServingDeployment) -> str:
        if f"{deployment.model}@{deployment.version}" not in described:
            return "its version does not say its inputs"
        return _enforced(deployment)

    return of_deployments(evidence, reason)


maturity_checks.register("gates_passed")(
    MaturityCheck(
        number=22,
        title="Every promotion passed the gates of a policy",
        description="The verdicts are stored with the frozen evidence. A gate that was overridden "
        "did not pass.",
        level=3,
        area="governance",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _gated),
        mend=Mend("Promote it under a policy", kind="version"),
        effort="hours",
        tags=("T-Infra4", "M3"),
    )
)
maturity_checks.register("approved_by_another")(
    MaturityCheck(
        number=23,
        title="Somebody else approved every promotion",
        description="A person who did not ask for it voted for it or decided it. Not asked of a "
        "workspace of one person.",
        level=3,
        area="governance",
        must=True,
        evaluate=_approved,
        mend=Mend("Ask for approvals in the policy", "policies"),
        tags=("N-Govern", "E-Art14"),
    )
)
maturity_checks.register("staged_rollout")(
    MaturityCheck(
        number=24,
        title="Every version was rolled out in stages",
        description="Before it took over, it was in staging by a promotion with verdicts, or "
        "answered in another deployment of its model, or it took over by a rollout with analyses.",
        level=3,
        area="infrastructure",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _staged),
        mend=Mend("Deploy the next version to a staging deployment first", "deployments"),
        effort="hours",
        tags=("T-Infra6",),
    )
)
maturity_checks.register("rollback_exercised")(
    MaturityCheck(
        number=25,
        title="A rollback was exercised",
        description=f"A deployment of every model in production was rolled back in the last "
        f"{ROLLBACK_DAYS} days, in need or as a drill, and its duration is known.",
        level=3,
        area="infrastructure",
        must=True,
        evaluate=_rolled_back,
        mend=Mend("Switch the version and roll it back", "deployments", "deployment"),
        tags=("T-Infra7",),
    )
)
maturity_checks.register("smoke_test")(
    MaturityCheck(
        number=26,
        title="A smoke test is stored for every version",
        description="A model process loaded the version in its present environment and answered "
        "its example.",
        level=3,
        area="infrastructure",
        evaluate=lambda evidence: of_versions(evidence, _smoke_test),
        mend=Mend("Look at its gates, which ask a model process", kind="version"),
        tags=("T-Infra3",),
    )
)
maturity_checks.register("latency_in_budget")(
    MaturityCheck(
        number=27,
        title="Latency was measured before the release, and is within its budget",
        description=f"95 of 100 requests with one row are answered within {P95_MS:.0f} ms by a "
        "model process; one that fails ends the measurement.",
        level=3,
        area="infrastructure",
        evaluate=lambda evidence: of_versions(evidence, _within_budget),
        mend=ASK,
        effort="hours",
        tags=("T-Monitor6",),
    )
)
maturity_checks.register("signature_enforced")(
    MaturityCheck(
        number=28,
        title="Requests that do not fit are refused",
        description="The version says its inputs, and the server refuses what does not fit with "
        "422.",
        level=3,
        area="data",
        evaluate=_signature,
        mend=Mend("Describe the version and serve it here", "deployments", "deployment"),
    )
)
