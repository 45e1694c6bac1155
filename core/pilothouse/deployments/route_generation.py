"""The counter that every change of routes increments; the gateway and the controller poll it."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlmodel import Session

from pilothouse.deployments.tables import RouteGeneration

GENERATION = text("SELECT value FROM deployments_route_generation WHERE id = 1")


def generation(engine: Engine) -> int:
    """The counter of route changes, 0 before the first."""
    with engine.connect() as connection:
        return int(connection.execute(GENERATION).scalar() or 0)


def increment_generation(session: Session) -> None:
    """Record that routes changed, in the transaction that changes them."""
    row = session.get(RouteGeneration, 1)
    if row is None:
        session.add(RouteGeneration(id=1, value=1))
    else:
        row.value += 1
    session.flush()
