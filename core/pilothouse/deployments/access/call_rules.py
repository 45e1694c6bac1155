"""Rules of deployments: whether a key is needed, and how many requests are taken."""

from __future__ import annotations

import math
from dataclasses import asdict

from sqlmodel import Session, select

from pilothouse.activity import record
from pilothouse.deployments import commands
from pilothouse.deployments.access.key_ring import CallLimits
from pilothouse.deployments.route_generation import increment_generation
from pilothouse.deployments.tables import CallRule
from pilothouse.kit.errors import Conflict, Invalid
from pilothouse.storage import Store

MAX_CONCURRENT = 512  # what the gateway lets wait for one deployment anyway
MAX_PER_SECOND = 100_000.0


def limits_of(session: Session, name: str) -> CallLimits:
    """The rule of a deployment. Raises NotFound."""
    commands.require(session, name)
    row = session.get(CallRule, name)
    return CallLimits() if row is None else _limits(row)


def all_limits(session: Session) -> dict[str, CallLimits]:
    """The rule of each deployment that has one."""
    return {row.deployment: _limits(row) for row in session.exec(select(CallRule))}


def set_limits(session: Session, store: Store, name: str, limits: CallLimits, reason: str) -> None:
    """Replace the rule of a deployment. Raises NotFound, Invalid, Conflict for one elsewhere."""
    deployment = commands.require(session, name)
    check_limits(limits)
    if deployment.external and (limits.max_concurrent or limits.per_second):
        raise Conflict(f"{name!r} is served elsewhere: its predictions are not limited here.")
    before = limits_of(session, name)
    if limits == before:
        return
    session.merge(CallRule(deployment=name, **asdict(limits)))
    increment_generation(session)
    record(
        session,
        store,
        "limited",
        "deployment",
        name,
        before=asdict(before),
        after=asdict(limits),
        reason=reason,
    )


def check_limits(limits: CallLimits) -> None:
    """Raises Invalid that names each part that cannot be used."""
    fields: dict[str, str] = {}
    if limits.max_concurrent is not None and not 1 <= limits.max_concurrent <= MAX_CONCURRENT:
        fields["max_concurrent"] = f"between 1 and {MAX_CONCURRENT}"
    rate = limits.per_second
    if rate is not None and not (math.isfinite(rate) and 0 < rate <= MAX_PER_SECOND):
        fields["per_second"] = f"above 0 and at most {MAX_PER_SECOND:,.0f}"
    if limits.burst is not None and rate is None:
        fields["burst"] = "belongs to per_second, which is not set"
    elif limits.burst is not None and not 1 <= limits.burst <= MAX_PER_SECOND:
        fields["burst"] = f"between 1 and {MAX_PER_SECOND:,.0f}"
    if fields:
        raise Invalid.of_fields("these limits cannot be used", fields)


def burst_of(limits: CallLimits) -> int:
    """How many requests are taken at once: as given, or those of one second."""
    return limits.burst or max(1, math.ceil(limits.per_second or 1.0))


def _limits(row: CallRule) -> CallLimits:
    return CallLimits(row.needs_key, row.max_concurrent, row.per_second, row.burst)
