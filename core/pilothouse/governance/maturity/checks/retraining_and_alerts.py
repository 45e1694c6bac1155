"""Level 3 to 4, self-operating: what watches production, and what it starts by itself."""

from __future__ import annotations

from datetime import timedelta

from pilothouse.governance.maturity.checks import (
    NOTHING,
    MaturityCheck,
    Mend,
    maturity_checks,
    of_versions,
    served,
)
from pilothouse.governance.maturity.evidence_values import (
    MaturityEvidence,
    ProductionEvidence,
    ServingDeployment,
    WatchingRule,
)
from pilothouse.governance.maturity.verdicts import (
    EvidenceLink,
    MaturityVerdict,
    failed,
    of_every,
)

ACKNOWLEDGE_HOURS = 24.0
LABELLED_SHARE = 0.5
MAX_AGE_DAYS = 365
OFF, MANUAL = "off", "manual"


def _watched(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(deployment: ServingDeployment) -> str:
        if not deployment.has_monitor:
            return "no monitor is on"
        if deployment.monitored_at is None:
            return "its monitor has judged no window yet"
        if evidence.at - deployment.monitored_at > timedelta(days=deployment.due_days):
            return f"its newest window was judged on {deployment.monitored_at:%Y-%m-%d}"
        return ""

    return served(evidence, reason, one=True)


def _rules(evidence: MaturityEvidence) -> MaturityVerdict:
    if not evidence.rules:
        return failed("no alert rule is on" if evidence.versions else NOTHING)
    hours = evidence.acknowledge_hours
    if hours is not None and hours > ACKNOWLEDGE_HOURS:
        return failed(f"half of the alerts waited {hours:.0f} hours or longer for a person")

    needs = "" if evidence.channels else "; a test needs a channel"

    def link(rule: WatchingRule, text: str) -> EvidenceLink:
        return EvidenceLink("rule", rule.id, f"{rule.name} of {rule.deployment}", text)

    return of_every(
        evidence.rules,
        link,
        lambda rule: "" if rule.fired else f"it has neither fired nor been test-fired{needs}",
        "alert rules",
        NOTHING,
    )


def _armed(deployment: ServingDeployment) -> str:
    if deployment.retraining_mode == OFF:
        return "its retraining is off"
    if not set(deployment.triggers) - {MANUAL}:
        return "no trigger is armed"
    return "" if deployment.retrained else "no trigger has started a retraining yet"


def _same_gate(version: ProductionEvidence) -> str:
    if version.ungated_retrainings:
        return "a retrained version was proposed without the gates of a policy"
    if not version.retrained_promotions:
        return "no retrained version was proposed yet"
    return ""


def _labels(version: ProductionEvidence) -> str:
    windows = version.windows
    if not windows.rows:
        return "no window of its predictions was judged yet"
    share = windows.labelled / windows.rows
    if share < LABELLED_SHARE:
        return f"{share:.0%} of its predictions have labels"
    return ""


def _performance(version: ProductionEvidence) -> str:
    if version.windows.compared:
        return ""
    return "no window has its metric beside that of the rows before production"


def _age(evidence: MaturityEvidence) -> MaturityVerdict:
    def reason(version: ProductionEvidence) -> str:
        days = (evidence.at - version.created_at).days
        if days > MAX_AGE_DAYS:
            return f"it is {days} days old"
        backtests = sum(deployment.backtests for deployment in version.deployments)
        return "" if backtests else "what its age costs is not known: no backtest was run"

    return of_versions(evidence, reason)


maturity_checks.register("drift_watched")(
    MaturityCheck(
        number=35,
        title="Drift is watched for every model, at its own interval",
        description="A deployment of the version has a monitor that judged a window within twice "
        "its period.",
        level=4,
        area="monitoring",
        must=True,
        evaluate=_watched,
        mend=Mend("Start or change the monitor", "monitoring", "deployment"),
        tags=("M4", "N-Measure", "E-Art72"),
    )
)
maturity_checks.register("rules_fired")(
    MaturityCheck(
        number=36,
        title="Every alert rule has fired or was test-fired, and alerts are answered",
        description=f"Rules that are on; half of the alerts are acknowledged within "
        f"{ACKNOWLEDGE_HOURS:.0f} hours.",
        level=4,
        area="monitoring",
        must=True,
        evaluate=_rules,
        mend=Mend("Test the rule", "monitoring", "rule"),
        effort="hours",
    )
)
maturity_checks.register("retraining_triggered")(
    MaturityCheck(
        number=37,
        title="Triggers start retrainings",
        description="A trigger beside the one by hand is armed, and has started a retraining.",
        level=4,
        area="infrastructure",
        must=True,
        evaluate=lambda evidence: served(evidence, _armed, one=True),
        mend=Mend(
            "Choose the triggers of its retraining", "deployments", "deployment", "retraining"
        ),
        effort="hours",
        tags=("G1", "M4"),
    )
)
maturity_checks.register("retrained_gated")(
    MaturityCheck(
        number=38,
        title="Retrained versions go through the same gates",
        description="A retraining proposed a version, and the gates of a policy judged it. Nothing "
        "is promoted without a person.",
        level=4,
        area="governance",
        must=True,
        evaluate=lambda evidence: of_versions(evidence, _same_gate),
        mend=Mend("Retrain the model", "deployments"),
        effort="hours",
        tags=("M4",),
    )
)
maturity_checks.register("labels_return")(
    MaturityCheck(
        number=39,
        title="Labels come back",
        description=f"At least {LABELLED_SHARE:.0%} of the predictions of the newest windows have "
        "labels.",
        level=4,
        area="monitoring",
        evaluate=lambda evidence: of_versions(evidence, _labels),
        mend=Mend("Send labels", "deployments", "deployment", "labels"),
        effort="days",
        tags=("T-Monitor7",),
    )
)
maturity_checks.register("performance_tracked")(
    MaturityCheck(
        number=40,
        title="Performance in production stands beside that before it",
        description="A window has an observed or an estimated metric with the figure of the "
        "reference rows.",
        level=4,
        area="monitoring",
        evaluate=lambda evidence: of_versions(evidence, _performance),
        mend=Mend("Look at the monitor", "monitoring"),
        effort="days",
        tags=("T-Model2",),
    )
)
maturity_checks.register("age_limited")(
    MaturityCheck(
        number=41,
        title="No model is too old, and what age costs is known",
        description=f"At most {MAX_AGE_DAYS} days since it was registered, and a backtest says how "
        "its metric falls with time.",
        level=4,
        area="model",
        evaluate=_age,
        mend=Mend("Run a backtest of its retraining", "deployments"),
        effort="hours",
        tags=("T-Model4", "T-Monitor4"),
    )
)
