"""`pilothouse channels`: where alerts are delivered to, and the delivery log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, options_of, verb
from pilothouse.cli.output import Output
from pilothouse.monitoring.alert_rules import SEVERITIES
from pilothouse.monitoring.notifications.channels import (
    DEFAULT_REPEAT_HOURS,
    DEFAULT_SEVERITIES,
    ChannelSpec,
)
from pilothouse.monitoring.notifications.notifications import Notifications

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.notifications.channels import ChannelInfo
    from pilothouse.monitoring.notifications.notifications import DeliveryInfo
    from pilothouse.workspace import Workspace

channels = Group("channels", help="Channels: where alerts are delivered to.")
channel_argument = click.argument("channel")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def severity_option(default: tuple[str, ...]) -> Decorator:
    """Severities that a channel takes."""
    return click.option(
        "--severity",
        "severities",
        type=click.Choice(SEVERITIES),
        multiple=True,
        default=default,
        show_default=bool(default),
        help="Taken by the channel; may be repeated.",
    )


def deployment_option(default: tuple[str, ...]) -> Decorator:
    """Deployments that a channel takes."""
    return click.option(
        "--deployment",
        "deployments",
        multiple=True,
        default=default,
        show_default=bool(default),
        help="Taken by the channel; may have * and ?, and may be repeated.",
    )


@verb(
    channels,
    Notifications.channels,
    name="list",
    example="pilothouse channels list",
    own_help=True,
)
def _list(ws: Workspace) -> list[ChannelInfo]:
    """The channels, by name; never with their secret URLs."""
    return ws.notifications.channels()


@verb(
    channels,
    Notifications.channel,
    name="show",
    example="pilothouse channels show on-call",
    own_help=True,
)
@channel_argument
def _show(ws: Workspace, channel: str) -> ChannelInfo:
    """One channel."""
    return ws.notifications.channel(channel)


@verb(
    channels,
    Notifications.add_channel,
    name="add",
    writes=True,
    example="pilothouse channels add on-call env:ON_CALL_URL --severity critical",
)
@click.argument("name")
@click.argument("address")
@severity_option(DEFAULT_SEVERITIES)
@deployment_option(("*",))
@click.option(
    "--repeat-hours",
    type=float,
    default=DEFAULT_REPEAT_HOURS,
    show_default=True,
    help="Open alerts repeat after so long until they are acknowledged; 0: never.",
)
def _add(ws: Workspace, name: str, address: str, **fields: Any) -> Output:
    """ADDRESS is env:NAME (a variable of the worker), file:/path (readable by you alone), or a URL.

    A URL on the command line stays in the shell's history.
    """
    channel = ws.notifications.add_channel(ChannelSpec(name, address, **fields))
    return Output(ws.notifications.channel(channel), f"channel {name} is added")


@verb(
    channels,
    Notifications.change_channel,
    name="change",
    writes=True,
    reason=True,
    example="pilothouse channels change on-call --repeat-hours 4",
)
@channel_argument
@click.option("--name", default=None, help="The new name.")
@click.option("--address", default=None, help="env:NAME, file:/path or a URL.")
@severity_option(())
@deployment_option(())
@click.option("--repeat-hours", type=float, default=None, help="0: never.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it delivers.")
def _change(ws: Workspace, channel: str, reason: str, **fields: Any) -> ChannelInfo:
    return ws.notifications.change_channel(channel, reason, **options_of(fields))


@verb(
    channels,
    Notifications.remove_channel,
    name="remove",
    writes=True,
    reason=True,
    example='pilothouse channels remove on-call --reason "replaced"',
)
@channel_argument
def _remove(ws: Workspace, channel: str, reason: str) -> Output:
    ws.notifications.remove_channel(channel, reason)
    return Output({"removed": channel}, f"channel {channel} is removed")


@verb(
    channels,
    Notifications.test_channel,
    name="test",
    writes=True,
    example="pilothouse channels test on-call",
)
@channel_argument
def _test(ws: Workspace, channel: str) -> Output:
    delivery = ws.notifications.test_channel(channel)
    text = f"queued; the result: pilothouse channels delivery {delivery}"
    return Output(ws.notifications.delivery(delivery), text)


@verb(
    channels,
    Notifications.deliveries,
    name="deliveries",
    example="pilothouse channels deliveries --channel on-call",
    own_help=True,
)
@click.option("--channel", default=None, help="To this channel only.")
@click.option("--alert", default=None, help="About this alert only.")
@click.option("--limit", type=int, default=200, show_default=True, help="At most so many.")
def _deliveries(ws: Workspace, channel: str | None, alert: str | None, limit: int) -> pd.DataFrame:
    """The delivery log, newest first."""
    return ws.notifications.deliveries(channel=channel, alert=alert, limit=limit)


@verb(
    channels,
    Notifications.delivery,
    name="delivery",
    example="pilothouse channels delivery DELIVERY",
)
@click.argument("delivery")
def _delivery(ws: Workspace, delivery: str) -> DeliveryInfo:
    return ws.notifications.delivery(delivery)
