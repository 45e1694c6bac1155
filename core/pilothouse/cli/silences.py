"""`pilothouse alerts silences`: notifications that wait until an end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.monitoring.notifications.notifications import Notifications
from pilothouse.monitoring.notifications.silences import EVERYTHING, SilenceSpec

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

silences = Group("silences", help="Silences: notifications of alerts that wait until an end.")


@verb(
    silences,
    Notifications.silences,
    name="list",
    example="pilothouse alerts silences list",
    own_help=True,
)
@click.option("--ended", is_flag=True, help="Those that have ended.")
def _list(ws: Workspace, ended: bool) -> pd.DataFrame:
    """Silences that hold, the one that ends last first."""
    return ws.notifications.silences(ended=ended)


@verb(
    silences,
    Notifications.add_silence,
    name="add",
    writes=True,
    example='pilothouse alerts silences add "sensor is replaced" --hours 48 --deployment churn',
)
@click.argument("reason")
@click.option("--hours", type=float, required=True, help="How long it holds, from now.")
@click.option("--deployment", default=EVERYTHING, show_default=True, help="May have * and ?.")
@click.option("--rule", default=EVERYTHING, show_default=True, help="A rule's name or a glob.")
@click.option("--severity", default=EVERYTHING, show_default=True, help="That of the rule.")
def _add(
    ws: Workspace, reason: str, hours: float, deployment: str, rule: str, severity: str
) -> Output:
    until = ws.store.now() + timedelta(hours=hours)
    silence = ws.notifications.add_silence(
        SilenceSpec(reason, until, deployment=deployment, rule=rule, severity=severity)
    )
    return Output(
        {"id": silence, "until": until}, f"silence {silence} holds until {until:%Y-%m-%d %H:%M} UTC"
    )


@verb(
    silences,
    Notifications.end_silence,
    name="end",
    writes=True,
    reason=True,
    example="pilothouse alerts silences end SILENCE",
)
@click.argument("silence")
def _end(ws: Workspace, silence: str, reason: str) -> Output:
    ws.notifications.end_silence(silence, reason)
    return Output({"ended": silence}, f"silence {silence} has ended")
