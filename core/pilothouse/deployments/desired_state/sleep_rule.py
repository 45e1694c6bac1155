"""After how long without a request a deployment sleeps."""

from __future__ import annotations

import math

from sqlmodel import Session

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.sleeping import wake
from pilothouse.deployments.tables import SleepRule
from pilothouse.kit.errors import Invalid
from pilothouse.storage import Store

MIN_MINUTES, MAX_MINUTES = 0.1, 10_080.0  # six seconds, a week


def sleep_after(session: Session, name: str) -> float | None:
    """After how many minutes without a request it sleeps; None for never. Raises NotFound."""
    commands.require(session, name)
    row = session.get(SleepRule, name)
    return None if row is None else row.after_minutes


def set_sleep(
    session: Session, store: Store, name: str, after_minutes: float | None, reason: str
) -> None:
    """Replace the rule; without one, a deployment that sleeps is woken.

    Raises NotFound, Invalid for a time that cannot be, Conflict for a deployment elsewhere.
    """
    deployment = commands.require(session, name)
    check_sleep(after_minutes)
    before = sleep_after(session, name)
    if after_minutes == before:
        return
    commands.refuse_external(deployment)
    session.merge(SleepRule(deployment=name, after_minutes=after_minutes))
    if after_minutes is None:
        wake(session, name)
    increment_generation(session)
    record(
        session,
        store,
        "sleep changed",
        "deployment",
        name,
        before={"after_minutes": before},
        after={"after_minutes": after_minutes},
        reason=reason,
    )


def check_sleep(after_minutes: float | None) -> None:
    """Raises Invalid for a time that cannot be."""
    if after_minutes is None:
        return
    if not (math.isfinite(after_minutes) and MIN_MINUTES <= after_minutes <= MAX_MINUTES):
        allowed = f"between {MIN_MINUTES:g} and {MAX_MINUTES:,.0f} minutes, or never"
        raise Invalid(
            f"the time without a request must be {allowed}.", fields={"after_minutes": allowed}
        )
