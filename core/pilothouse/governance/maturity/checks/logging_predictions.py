"""Level 3 to 4, self-operating: what is watched in the rows, and what is kept of them."""

from __future__ import annotations

from pilothouse.governance.maturity.checks import (
    MaturityCheck,
    Mend,
    maturity_checks,
    of_deployments,
    of_versions,
    served,
)
from pilothouse.governance.maturity.evidence_values import (
    MaturityEvidence,
    ProductionEvidence,
    ServingDeployment,
)
from pilothouse.governance.maturity.verdicts import MaturityVerdict, failed, passed

FEATURE_DRIFT, PREDICTION_DRIFT = "feature_drift", "prediction_drift"


def _skew(version: ProductionEvidence) -> str:
    compared = any(signal == FEATURE_DRIFT for signal, _ in version.windows.results)
    if version.windows.judged and compared:
        return ""
    return "no logged inputs were compared with the rows that it was evaluated on"


def _outputs(version: ProductionEvidence) -> str:
    watched = any(signal == PREDICTION_DRIFT for signal, _ in version.windows.results)
    return "" if watched else "its answers are not watched"


def _upstream(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(deployment: ServingDeployment) -> str:
        if not deployment.schema_rules:
            return "no rule alerts on absent inputs, on unexpected columns or on other types"
        return ""

    unknown = {v.model for v in evidence.versions if v.run and not v.run.has_environment}

    def judge(deployment: ServingDeployment) -> str:
        if deployment.model in unknown:
            return "its packages are not recorded, so that a change of them is not noticed"
        return reason(deployment)

    return served(evidence, judge)


def _logged(deployment: ServingDeployment) -> str:
    return "" if deployment.keeps_log else "it has logged no prediction"


def _chain(evidence: MaturityEvidence) -> MaturityVerdict:
    log = evidence.log
    return passed(log.message) if log.intact else failed(log.message)


def _lineage(version: ProductionEvidence) -> str:
    edges = {
        "run": version.run is not None,
        "code": version.run is not None and version.run.has_code,
        "dataset": version.dataset is not None,
        "promotion": version.promotion is not None,
        "deployment": bool(version.deployments),
    }
    lacking = [name for name, present in edges.items() if not present]
    return f"its {' and its '.join(lacking)} cannot be traced" if lacking else ""


maturity_checks.register("skew_measured")(
    MaturityCheck(
        number=42,
        title="Inputs in production are compared with those of the training",
        description="Windows of logged requests are held against the rows that the version was "
        "evaluated on.",
        level=4,
        area="data",
        evaluate=lambda evidence: of_versions(evidence, _skew),
        mend=Mend("Start the monitor", "monitoring"),
        tags=("T-Monitor3",),
    )
)
maturity_checks.register("outputs_watched")(
    MaturityCheck(
        number=43,
        title="Answers are watched for values that are missing, infinite or constant",
        description="Windows compare the answers with those before production: answers that are "
        "all alike, or none, are drift.",
        level=4,
        area="monitoring",
        evaluate=lambda evidence: of_versions(evidence, _outputs),
        mend=Mend("Start the monitor", "monitoring"),
        tags=("T-Monitor5",),
    )
)
maturity_checks.register("upstream_noticed")(
    MaturityCheck(
        number=44,
        title="A change of the schema or of a package is noticed",
        description="A rule alerts on absent inputs, unexpected columns or another type, and the "
        "packages of the training are recorded.",
        level=4,
        area="monitoring",
        evaluate=_upstream,
        mend=Mend("Add the alert rule", "monitoring", "deployment"),
        tags=("T-Monitor1",),
    )
)
maturity_checks.register("predictions_logged")(
    MaturityCheck(
        number=45,
        title="Predictions are logged and kept",
        description="Version, time, inputs and answers of every request. Nothing deletes them; "
        "they are kept until the workspace is deleted.",
        level=4,
        area="infrastructure",
        evaluate=lambda evidence: of_deployments(evidence, _logged),
        mend=Mend("Send predictions", "deployments", "deployment"),
        tags=("E-Art12", "E-Art19"),
    )
)
maturity_checks.register("log_intact")(
    MaturityCheck(
        number=46,
        title="The audit log is append-only and unbroken",
        description="Its newest entries are linked by their hashes and agree with the anchor "
        "beside the database. `pilothouse doctor` verifies the whole log.",
        level=4,
        area="governance",
        evaluate=_chain,
        mend=Mend("Verify the whole log", "activity"),
        effort="days",
        tags=("E-Art12",),
    )
)
maturity_checks.register("lineage_complete")(
    MaturityCheck(
        number=47,
        title="Every prediction leads to its data, code, run and approval",
        description="No link is missing between deployment, version, promotion, run, code and "
        "data.",
        level=4,
        area="governance",
        evaluate=lambda evidence: of_versions(evidence, _lineage),
        mend=Mend("Look at the version", kind="version"),
        effort="hours",
    )
)
