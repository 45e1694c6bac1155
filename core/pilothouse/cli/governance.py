"""`pilothouse governance`: what was in production when and why, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT, NEW_FILE
from pilothouse.cli.output import Output, text_of
from pilothouse.governance.affected import ACTIONS
from pilothouse.governance.api import Governance
from pilothouse.governance.event_sources import KINDS
from pilothouse.governance.lineage_links import KINDS as LINEAGE_KINDS
from pilothouse.governance.release_files import PROGRAMS

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.governance.affected import AffectedObject
    from pilothouse.governance.production import ProductionVersion
    from pilothouse.workspace import Workspace

COLUMNS = ("at", "kind", "title", "by", "reason")
kind_option = click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Of this kind; repeatable."
)
since_option = click.option("--since", type=INSTANT, default=None, help="From this time on.")
until_option = click.option("--until", type=INSTANT, default=None, help="Before this time.")
page_option = click.option("--page", type=click.IntRange(1), default=1, help="Of 50 events.")

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


@verb(
    governance,
    Governance.timeline,
    example="pilothouse governance timeline churn --kind promotion --kind alert",
    own_help=True,
)
@click.argument("model")
@kind_option
@since_option
@until_option
@page_option
def _timeline(ws: Workspace, model: str, kinds: tuple[str, ...], **chosen: Any) -> Output:
    """What happened to a MODEL, newest first: decisions, deployments, alerts, data."""
    return _events(ws.governance.timeline(model, kinds=kinds, **chosen))


@verb(
    governance,
    Governance.timeline,
    Governance.timeline_count,
    name="changes",
    example="pilothouse governance changes --since 2026-03-01 --until 2026-03-08",
    own_help=True,
)
@kind_option
@since_option
@until_option
@page_option
def _changes(ws: Workspace, kinds: tuple[str, ...], page: int, **span: Any) -> Output:
    """What changed in all models, newest first, without routine work."""
    frame = ws.governance.timeline(kinds=kinds, page=page, **span)
    total = ws.governance.timeline_count(kinds=kinds, **span)
    return _events(frame, f"{total:,} events")


def _events(frame: pd.DataFrame, note: str = "") -> Output:
    lines = [text_of(frame[list(COLUMNS)]), note]
    return Output(frame, "\n".join(line for line in lines if line))


@verb(governance, Governance.outcome, example="pilothouse governance outcome PROMOTION --json")
@click.argument("promotion")
def _outcome(ws: Workspace, promotion: str) -> Output:
    outcome = ws.governance.outcome(promotion)
    return Output(outcome, f"{outcome.ref}: {outcome.state}; {outcome.message}")


@verb(
    governance,
    Governance.outcomes,
    Governance.production_outcomes,
    example="pilothouse governance outcomes --model churn",
)
@click.option("--model", default=None, help="Of this model only.")
def _outcomes(ws: Workspace, model: str | None) -> pd.DataFrame:
    return ws.governance.outcomes(model)


@verb(
    governance,
    Governance.keep,
    writes=True,
    reason=True,
    example='pilothouse governance keep PROMOTION --reason "the season is over next week"',
)
@click.argument("promotion")
def _keep(ws: Workspace, promotion: str, reason: str) -> Output:
    outcome = ws.governance.keep(promotion, reason)
    return Output(outcome, f"{outcome.ref} stays in production")


@verb(
    governance,
    Governance.affected,
    example="pilothouse governance affected churn 3 archive",
)
@click.argument("model")
@click.argument("version", type=int)
@click.argument("action", type=click.Choice(ACTIONS))
@click.option("--stage", default="production", show_default=True, help="To promote to.")
def _affected(ws: Workspace, model: str, version: int, action: str, stage: str) -> Output:
    return affected_output(ws.governance.affected(model, version, action, stage))


@verb(
    governance,
    Governance.export_release_file,
    Governance.release_file,
    name="export",
    writes=True,
    example=(
        "pilothouse governance export churn 3 github-actions",
        "pilothouse governance export churn 3 jenkins --output Jenkinsfile",
    ),
)
@click.argument("model")
@click.argument("version", type=int)
@click.argument("system", type=click.Choice(list(PROGRAMS)))
@click.option("--stage", default="production", show_default=True, help="Whose gates are asked.")
@click.option("--deployment", default="", help="In staging  [default: MODEL-staging].")
@click.option("--runner", default="", help="The label of the runners.")
@click.option("--output", type=NEW_FILE, default=None, help="Write it here.")
def _export(
    ws: Workspace, model: str, version: int, system: str, output: Path | None, **options: str
) -> Output:
    file = ws.governance.export_release_file(model, version, system, **options)
    if output is None:
        return Output(file, file.text)
    output.write_text(file.text, encoding="utf-8")
    return Output({"output": str(output)}, f"{output} is written")


@verb(
    governance,
    Governance.attest,
    writes=True,
    example=(
        'pilothouse governance attest code_tested "CI run 812 was green"',
        'pilothouse governance attest risk_register "risk 12: wrong refusals" --model churn',
    ),
)
@click.argument("check")
@click.argument("text")
@click.option("--model", default="", help="Of this model, where the check is of models.")
@click.option("--days", type=int, default=None, help="  [default: the longest that is allowed].")
def _attest(ws: Workspace, check: str, text: str, model: str, days: int | None) -> Output:
    statement = ws.governance.attest(check, text, model=model, days=days)
    return Output(statement, f"attested until {statement.expires_at:%Y-%m-%d}")


@verb(governance, Governance.attested, example="pilothouse governance attested --json")
def _attested(ws: Workspace) -> Output:
    statements = ws.governance.attested()
    lines = [
        f"{item.check}{f' of {item.model}' if item.model else ''}: {item.text} ({item.by}, until "
        f"{item.expires_at:%Y-%m-%d})"
        for item in statements
    ]
    return Output(statements, "\n".join(lines) or "Nothing is attested.")


@verb(
    governance,
    Governance.lineage,
    example=(
        "pilothouse governance lineage version churn@3",
        "pilothouse governance lineage dataset customers@4 --json",
    ),
)
@click.argument("object_kind", type=click.Choice(list(LINEAGE_KINDS)))
@click.argument("ref")
def _lineage(ws: Workspace, object_kind: str, ref: str) -> Output:
    graph = ws.governance.lineage(object_kind, ref)
    nodes = {node.id: node for node in graph.nodes}
    lines = [
        f"{'* ' if node.id == graph.center else '  '}{node.title}  {node.note}"
        for node in graph.nodes
    ]
    lines += [
        f"{nodes[edge.source].title} -> {nodes[edge.target].title}  {edge.label}".rstrip()
        for edge in (*graph.edges, *graph.loops)
    ]
    return Output(graph, "\n".join(lines))


def affected_output(objects: Sequence[AffectedObject]) -> Output:
    """What a command with --dry-run prints: what it would touch."""
    lines = [f"{item.title}: {item.effect}" for item in objects]
    return Output(objects, "\n".join(lines) or "It touches nothing else.")
