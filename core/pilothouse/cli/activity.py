"""`pilothouse activity`: the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pilothouse.activity.api import Activity
from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT
from pilothouse.cli.output import Output
from pilothouse.kit.errors import PilothouseError

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

activity = Group("activity", help="The audit log: who did what, when and why.")
ALL = 1_000_000


@verb(
    activity,
    Activity.entries,
    Activity.count,
    name="list",
    example="pilothouse activity list --kind deployment --since 2026-03-01 --json",
    own_help=True,
)
@click.option("--kind", default=None, help="Of objects of this kind, such as deployment.")
@click.option("--ref", default=None, help="Of this object.")
@click.option("--by", "actor", default=None, help="Done by this actor.")
@click.option("--verb", default=None, help="Such as promoted.")
@click.option("--search", default="", help="A word in names, reasons, verbs or actors.")
@click.option("--since", type=INSTANT, default=None, help="From this time on.")
@click.option("--until", type=INSTANT, default=None, help="Before this time.")
@click.option("--no-routine", is_flag=True, help="Without what happens by itself every hour.")
@click.option("--limit", type=click.IntRange(1), default=ALL, help="At most so many.")
def _list(
    ws: Workspace, no_routine: bool, limit: int, since: datetime | None, **filters: Any
) -> pd.DataFrame:
    """Entries of the audit log, newest first."""
    return ws.activity.entries(**filters, since=since, routine=not no_routine, size=limit)


@verb(activity, Activity.facets, example="pilothouse activity facets --json")
def _facets(ws: Workspace) -> dict[str, list[str]]:
    return ws.activity.facets()


@verb(activity, Activity.verify, example="pilothouse activity verify", own_help=True)
def _verify(ws: Workspace) -> Output:
    """Verify the audit log: walk the whole chain of hashes; ends with 1 when it is broken."""
    state = ws.activity.verify()
    if not state.intact:
        raise PilothouseError(state.message, hint="`pilothouse doctor` checks everything.")
    return Output(state, f"{state.message} ({state.entries:,} entries)")
