"""`pilothouse attention`: what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.attention.api import Attention
from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

attention = Group("attention", help="What needs a person: decisions, alerts, failures.")
items_argument = click.argument("items", nargs=-1, required=True)


@verb(
    attention,
    Attention.frame,
    Attention.items,
    name="list",
    example="pilothouse attention list",
    own_help=True,
)
@click.option("--dismissed", is_flag=True, help="What was dismissed instead.")
@click.option("--for", "person", default="", help="What waits for this person only.")
def _list(ws: Workspace, dismissed: bool, person: str) -> pd.DataFrame:
    """Promotions and retrainings to decide, alerts, mentions, failed jobs, crashing deployments."""
    return ws.attention.frame(dismissed=dismissed, person=person)


@verb(
    attention,
    Attention.assign,
    Attention.assignee,
    writes=True,
    reason=True,
    example=(
        'pilothouse attention assign alert ALERT Bo --reason "knows the data"',
        "pilothouse attention assign alert ALERT ''",
    ),
)
@click.argument("kind")
@click.argument("ref")
@click.argument("person")
def _assign(ws: Workspace, kind: str, ref: str, person: str, reason: str) -> Output:
    before = ws.attention.assignee(kind, ref)
    ws.attention.assign(kind, ref, person, reason)
    value = {"kind": kind, "ref": ref, "person": person, "before": before}
    return Output(value, f"{kind} {ref} is assigned to {person or 'nobody'}")


@verb(
    attention,
    Attention.dismiss,
    writes=True,
    reason=True,
    example='pilothouse attention dismiss ITEM --reason "known"',
)
@items_argument
def _dismiss(ws: Workspace, items: tuple[str, ...], reason: str) -> Output:
    """ITEMS are the ids that the list shows."""
    count = ws.attention.dismiss(items, reason)
    return Output({"dismissed": count}, f"{count} dismissed")


@verb(
    attention,
    Attention.restore,
    writes=True,
    reason=True,
    example="pilothouse attention restore ITEM",
)
@items_argument
def _restore(ws: Workspace, items: tuple[str, ...], reason: str) -> Output:
    """ITEMS are the ids that the list shows with --dismissed."""
    count = ws.attention.restore(items, reason)
    return Output({"restored": count}, f"{count} restored")
