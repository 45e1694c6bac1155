"""The number of model processes of a deployment."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.kit.errors import Conflict
from pilothouse.storage import Store


def scale(session: Session, store: Store, name: str, replicas: int, reason: str) -> None:
    """Set how many processes each version has; one too many completes its requests first.

    Raises NotFound, Invalid for a number that cannot be, Conflict for a deployment elsewhere.
    """
    deployment = commands.require(session, name)
    commands.check_replicas(replicas)
    if deployment.external:
        raise Conflict(f"{name!r} is served elsewhere: it has no process here.")
    before = deployment.replicas
    if replicas == before:
        return
    deployment.replicas = replicas
    commands.mark_changed(session, store, deployment)
    record(
        session,
        store,
        "scaled",
        "deployment",
        name,
        before={"replicas": before},
        after={"replicas": replicas},
        reason=reason,
    )
