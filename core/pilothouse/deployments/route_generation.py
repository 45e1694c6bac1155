"""The counter that every change of routes increments; the gateway polls it."""

from __future__ import annotations

from sqlmodel import Session

from pilothouse.deployments.tables import RouteGeneration


def increment_generation(session: Session) -> None:
    """Record that routes changed, in the transaction that changes them."""
    row = session.get(RouteGeneration, 1)
    if row is None:
        session.add(RouteGeneration(id=1, value=1))
    else:
        row.value += 1
    session.flush()
