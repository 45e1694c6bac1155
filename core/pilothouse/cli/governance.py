"""`pilothouse governance`: what was in production when, and why."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT
from pilothouse.cli.output import Output
from pilothouse.governance.api import Governance

if TYPE_CHECKING:
    from pilothouse.governance.production import ProductionVersion
    from pilothouse.workspace import Workspace

governance = Group("governance", help="The history of decisions: what was in production, and why.")


@verb(
    governance,
    Governance.in_production,
    Governance.production_frame,
    name="in-production",
    example=(
        "pilothouse governance in-production --at 2026-03-01T12:00",
        "pilothouse governance in-production --model churn --json",
    ),
    own_help=True,
)
@click.option("--at", type=INSTANT, default=None, help="At this time  [default: now].")
@click.option("--model", default=None, help="Of this model only.")
def _in_production(ws: Workspace, at: datetime | None, model: str | None) -> Output:
    """What was in production at a time: since when, by whom, why, and what served it.

    A date without a time is its first instant, in UTC.
    """
    versions = ws.governance.in_production(at, model)
    return Output(versions, "\n\n".join(map(_version_text, versions)) or "None.")


def _version_text(version: ProductionVersion) -> str:
    since = version.since.isoformat(sep=" ", timespec="seconds")
    promotion = f"promotion {version.promotion}" if version.promotion else "without a promotion"
    lines = [f"{version.ref}  since {since}, by {version.by}, {promotion}"]
    if version.requested_by:
        lines.append(f"requested by {version.requested_by}: {version.requested_reason}")
    if version.reason and version.reason != version.requested_reason:
        lines.append(f"reason: {version.reason}")
    if version.evidence:
        lines.append(f"evidence {version.evidence}")
    lines += [
        f"served by {served.deployment} since {served.since.isoformat(sep=' ', timespec='seconds')}"
        f" (revision {served.revision}, {served.action} by {served.by})"
        for served in version.served_by
    ]
    return "\n  ".join(lines)
