"""The number of model processes of a deployment: fixed, or by its load between two limits."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.autoscaling import ProcessLimits
from pilothouse.deployments.scale_rules import limits_of
from pilothouse.deployments.tables import ScaleRule
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store


def process_limits(session: Session, name: str) -> ProcessLimits:
    """How many processes each version may have. Raises NotFound."""
    return limits_of(commands.require(session, name), session.get(ScaleRule, name))


def scale(session: Session, store: Store, name: str, limits: ProcessLimits, reason: str) -> None:
    """Set how many processes each version has; one too many completes its requests first.

    Raises NotFound, Invalid for a number that cannot be, Conflict for a deployment elsewhere.
    """
    deployment = commands.require(session, name)
    check_process_limits(limits)
    if deployment.external:
        raise Conflict(f"{name!r} is served elsewhere: it has no process here.")
    before = process_limits(session, name)
    if limits == before:
        return
    deployment.replicas = min(max(deployment.replicas, limits.least), limits.most)
    most = None if limits.is_fixed else limits.most
    session.merge(ScaleRule(deployment=name, least=limits.least, most=most))
    commands.mark_changed(session, store, deployment)
    record(
        session,
        store,
        "scaled",
        "deployment",
        name,
        before=_recorded(before),
        after=_recorded(limits),
        reason=reason,
    )


def check_process_limits(limits: ProcessLimits) -> None:
    """Raises Invalid for numbers that cannot be."""
    commands.check_replicas(limits.least)
    if not limits.least <= limits.most <= commands.MAX_REPLICAS:
        allowed = f"between {limits.least} and {commands.MAX_REPLICAS}"
        raise Invalid(
            f"the largest number of processes must be {allowed}.", fields={"most": allowed}
        )


def _recorded(limits: ProcessLimits) -> dict[str, int]:
    least = {"replicas": limits.least}
    return least if limits.is_fixed else least | {"most": limits.most}
