"""`pilothouse deployments requests`, `find-predictions` and `replays`: what was asked before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT, reveal_option
from pilothouse.cli.output import Output
from pilothouse.deployments.api import Deployments
from pilothouse.deployments.request_log import OUTCOMES

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.deployments.masked_log import MaskedLog
    from pilothouse.deployments.replay.replay_results import ReplayResult
    from pilothouse.workspace import Workspace

replays = Group("replays", help="Replays: recorded requests on another version.")
request_log = Group("request log")


def add_request_log(group: Group) -> None:
    """Add the commands that search the log, and the group of replays."""
    for command in request_log.commands.values():
        group.add_command(command)
    group.add_command(replays)


@verb(
    replays,
    Deployments.replay,
    name="start",
    writes=True,
    example="pilothouse deployments replays start churn 4 --limit 5000",
)
@click.argument("name")
@click.argument("version", type=int)
@click.option("--limit", type=int, default=1_000, show_default=True, help="The last so many rows.")
@click.option("--start", type=INSTANT, default=None, help="From this event time on.")
@click.option("--end", type=INSTANT, default=None, help="Before this event time.")
def _start(
    ws: Workspace,
    name: str,
    version: int,
    limit: int,
    start: datetime | None,
    end: datetime | None,
) -> Output:
    job = ws.deployments.replay(name, version, limit=limit, start=start, end=end)
    text = f"job {job}: a running worker replays {name} on version {version}"
    return Output({"job": job}, text)


@verb(
    replays,
    Deployments.replay_result,
    name="show",
    example="pilothouse deployments replays show JOB",
)
@click.argument("job")
def _show(ws: Workspace, job: str) -> Output:
    replayed = ws.deployments.replay_result(job)
    return Output(replayed, "\n".join(_lines(replayed)))


@verb(
    replays,
    Deployments.replays,
    name="list",
    example="pilothouse deployments replays list churn",
)
@click.argument("name")
def _list(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.deployments.replays(name)


@verb(
    request_log,
    Deployments.requests,
    example=(
        "pilothouse deployments requests churn --outcome failed",
        "pilothouse deployments requests churn --start 2026-03-01 --end 2026-03-02",
    ),
)
@click.argument("name")
@click.option("--start", type=INSTANT, default=None, help="Received from this time on.")
@click.option("--end", type=INSTANT, default=None, help="Received before this time.")
@click.option("--version", type=int, default=None, help="Answered by this version.")
@click.option("--outcome", type=click.Choice(list(OUTCOMES)), default=None, help="How it ended.")
@click.option("--limit", type=click.IntRange(1), default=None, help="At most so many, the newest.")
def _requests(
    ws: Workspace,
    name: str,
    start: datetime | None,
    end: datetime | None,
    version: int | None,
    outcome: str | None,
    limit: int | None,
) -> pd.DataFrame:
    return ws.deployments.requests(
        name, start, end, version=version, outcome=outcome or "", limit=limit
    )


@verb(
    request_log,
    Deployments.find_predictions,
    writes=True,
    example="pilothouse deployments find-predictions churn order-17 order-18",
)
@click.argument("name")
@click.argument("ids", nargs=-1, required=True)
@reveal_option
def _find_predictions(
    ws: Workspace, name: str, ids: tuple[str, ...], reveal: str | None
) -> pd.DataFrame:
    return revealing(ws, name, reveal).find_predictions(name, list(ids))


def revealing(ws: Workspace, name: str, reason: str | None) -> MaskedLog:
    """The logs with their masks; without those of a deployment that somebody has reason to see."""
    if reason is None:
        return ws.deployments.masked()
    ws.deployments.reveal(name, reason)
    return ws.deployments.masked([name])


def _lines(replayed: ReplayResult) -> list[str]:
    share = "" if replayed.changed_share is None else f" ({replayed.changed_share:.2%})"
    lines = [
        f"{replayed.answered:,} of {replayed.rows:,} recorded rows answered by version "
        f"{replayed.version}",
        f"{replayed.changed:,} got another decision{share}",
    ]
    lines += [f"{one.before} -> {one.after}: {one.rows:,}" for one in replayed.decisions]
    lines += [
        f"{one.output}: median {one.median:.4g}, p95 {one.p95:.4g}, largest {one.largest:.4g}"
        for one in replayed.differences
    ]
    return lines
