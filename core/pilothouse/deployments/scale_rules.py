"""Between which numbers of processes the load of each deployment may choose."""

from __future__ import annotations

from sqlmodel import Session, select

from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.tables import Deployment, ScaleRule


def limits_of(deployment: Deployment, rule: ScaleRule | None) -> ProcessLimits:
    """The limits of a deployment and the rule that it may have."""
    if rule is None or rule.most is None:
        return ProcessLimits(deployment.replicas, deployment.replicas)
    return ProcessLimits(rule.least, rule.most)


def scale_rules(session: Session) -> dict[str, ScaleRule]:
    """The rule of each deployment that has one."""
    return {rule.deployment: rule for rule in session.exec(select(ScaleRule))}
