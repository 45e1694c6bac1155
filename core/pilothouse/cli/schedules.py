"""`pilothouse schedules`: jobs that are submitted by a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import JSON_VALUE
from pilothouse.cli.output import Output
from pilothouse.jobs.api import Jobs
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

schedules = Group("schedules", help="Schedules: jobs that are submitted by a clock.")
name_argument = click.argument("name")


@verb(schedules, Jobs.schedules, name="list", example="pilothouse schedules list", own_help=True)
def _list(ws: Workspace) -> pd.DataFrame:
    """Schedules by name, with their next and last time."""
    return ws.jobs.schedules()


@verb(
    schedules,
    Jobs.add_schedule,
    name="add",
    writes=True,
    example=(
        "pilothouse schedules add churn-weekly '0 3 * * 1' retrain --title 'Retrain churn' "
        """--args '{"deployment": "churn", "reason": "every week", "weeks": 8}'"""
    ),
    own_help=True,
)
@name_argument
@click.argument("cron")
@click.argument("kind")
@click.option("--args", type=JSON_VALUE, default="{}", help="The arguments of the job, as JSON.")
@click.option("--title", default="", help="How its jobs are called  [default: the name].")
@click.option("--subject", nargs=2, default=("", ""), metavar="KIND REF", help="What it is about.")
def _add(
    ws: Workspace, name: str, cron: str, kind: str, args: Any, title: str, subject: tuple[str, str]
) -> Output:
    """Submit a job of a KIND at each time that CRON names, in UTC.

    CRON is minute, hour, day of the month, month and weekday, such as 0 3 * * 1.
    """
    if not isinstance(args, dict):
        raise Invalid("--args takes a JSON object.", fields={"args": "not an object"})
    ws.jobs.add_schedule(name, cron, kind, args, title=title or name, subject=subject)
    return Output({"name": name, "cron": cron, "kind": kind}, f"schedule {name} is added")


@verb(
    schedules,
    Jobs.pause_schedule,
    name="pause",
    writes=True,
    reason=True,
    example="pilothouse schedules pause churn-weekly",
)
@name_argument
def _pause(ws: Workspace, name: str, reason: str) -> Output:
    ws.jobs.pause_schedule(name, reason)
    return Output({"name": name, "enabled": False}, f"schedule {name} is paused")


@verb(
    schedules,
    Jobs.resume_schedule,
    name="resume",
    writes=True,
    reason=True,
    example="pilothouse schedules resume churn-weekly",
)
@name_argument
def _resume(ws: Workspace, name: str, reason: str) -> Output:
    ws.jobs.resume_schedule(name, reason)
    return Output({"name": name, "enabled": True}, f"schedule {name} is in use again")


@verb(
    schedules,
    Jobs.remove_schedule,
    name="remove",
    writes=True,
    reason=True,
    example='pilothouse schedules remove churn-weekly --reason "done by hand"',
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.jobs.remove_schedule(name, reason)
    return Output({"name": name}, f"schedule {name} is removed")
