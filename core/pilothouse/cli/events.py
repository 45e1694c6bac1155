"""`pilothouse events`: messages of Kafka and other systems that come and leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import PAIR, PluginName, scalar
from pilothouse.cli.output import Output
from pilothouse.interop.events.api import Events
from pilothouse.interop.events.connections import ConnectionSpec
from pilothouse.interop.events.flows import flows
from pilothouse.interop.events.systems import systems
from pilothouse.kit.parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pilothouse.interop.events.connections import ConnectionInfo
    from pilothouse.interop.events.messages import PreviewedMessage
    from pilothouse.interop.events.set_aside import SetAsideInfo
    from pilothouse.workspace import Workspace

Pairs = tuple[tuple[str, str], ...]
events = Group("events", help="Messages: labels and requests in, predictions and alerts out.")
connection_argument = click.argument("connection")
id_argument = click.argument("ids", nargs=-1, metavar="[MESSAGE]...")


def spec_options(act: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what a connection is."""
    options = (
        click.argument("flow", type=PluginName(flows)),
        click.option("--system", type=PluginName(systems), default="kafka", show_default=True),
        click.option("--deployment", default="", help="Which one the messages are about."),
        pairs_option("--set", "settings", "A setting of the system, such as topic."),
        pairs_option("--option", "flow_options", "A setting of the flow, such as label_field."),
    )
    for option in reversed(options):
        act = option(act)
    return act


def pairs_option(name: str, field: str, text: str) -> Callable[..., Any]:
    """An option of pairs that may be repeated."""
    return click.option(
        name, field, type=PAIR, multiple=True, metavar="NAME=VALUE", help=f"{text} Repeatable."
    )


@verb(events, Events.connections, name="list", example="pilothouse events list", own_help=True)
def _list(ws: Workspace) -> list[ConnectionInfo]:
    """The connections with their states and counts, by name."""
    return ws.events.connections()


@verb(
    events,
    Events.connection,
    name="show",
    example="pilothouse events show late-labels",
    own_help=True,
)
@connection_argument
def _show(ws: Workspace, connection: str) -> ConnectionInfo:
    """One connection."""
    return ws.events.connection(connection)


@verb(
    events,
    Events.add,
    writes=True,
    own_help=True,
    example=(
        "pilothouse events add late-labels labels --deployment late "
        "--set brokers=kafka:9092 --set topic=outcomes --option label_field=was_late",
        "pilothouse events add out predictions --deployment late "
        "--set brokers=kafka:9092 --set topic=predictions",
    ),
)
@click.argument("name")
@spec_options
@click.option("--paused", is_flag=True, help="Add it without starting it.")
def _add(
    ws: Workspace,
    name: str,
    flow: str,
    system: str,
    deployment: str,
    settings: Pairs,
    flow_options: Pairs,
    paused: bool,
) -> Output:
    """Add a connection NAME of a FLOW: labels, requests, predictions or alerts.

    Secrets are references: --set password=env:NAME or file:PATH, read by the worker.
    """
    spec = _spec(name, flow, system, deployment, settings, flow_options, enabled=not paused)
    return Output(ws.events.add(spec), f"the connection {name} is added")


@verb(
    events,
    Events.preview,
    own_help=True,
    example=(
        "pilothouse events preview labels --deployment late "
        "--set brokers=kafka:9092 --set topic=outcomes"
    ),
)
@spec_options
def _preview(
    ws: Workspace,
    flow: str,
    system: str,
    deployment: str,
    settings: Pairs,
    flow_options: Pairs,
) -> list[PreviewedMessage]:
    """Connect, and say what would become of the newest messages; nothing is written."""
    spec = _spec("preview", flow, system, deployment, settings, flow_options)
    return ws.events.preview(spec)


@verb(
    events,
    Events.change,
    writes=True,
    reason=True,
    example=(
        "pilothouse events change late-labels --pause",
        "pilothouse events change late-labels --set brokers=other:9092",
    ),
)
@connection_argument
@click.option("--name", default=None, help="The new name.")
@pairs_option("--set", "settings", "A setting of the system.")
@pairs_option("--option", "flow_options", "A setting of the flow.")
@click.option("--pause/--resume", "paused", default=None, help="Whether it stands still.")
def _change(
    ws: Workspace,
    connection: str,
    name: str | None,
    settings: Pairs,
    flow_options: Pairs,
    paused: bool | None,
    reason: str,
) -> ConnectionInfo:
    info = ws.events.connection(connection)
    changes: dict[str, Any] = {} if name is None else {"name": name}
    if settings:
        changes["settings"] = _values(settings, systems.get(info.system).parameters)
    if flow_options:
        changes["options"] = _values(flow_options, flows.get(info.flow).parameters)
    if paused is not None:
        changes["enabled"] = not paused
    return ws.events.change(connection, reason, **changes)


@verb(
    events,
    Events.remove,
    writes=True,
    reason=True,
    example='pilothouse events remove late-labels --reason "replaced"',
)
@connection_argument
def _remove(ws: Workspace, connection: str, reason: str) -> Output:
    ws.events.remove(connection, reason)
    return Output({"removed": connection}, f"the connection {connection} is removed")


@verb(
    events,
    Events.set_aside,
    name="set-aside",
    own_help=True,
    example="pilothouse events set-aside late-labels",
)
@connection_argument
@click.option("--limit", type=int, default=100, show_default=True, help="At most so many.")
def _set_aside(ws: Workspace, connection: str, limit: int) -> list[SetAsideInfo]:
    """Messages of a connection that could not be used, and why; the newest first."""
    return ws.events.set_aside(connection, limit)


@verb(
    events,
    Events.retry,
    writes=True,
    reason=True,
    example="pilothouse events retry late-labels",
)
@connection_argument
@id_argument
def _retry(ws: Workspace, connection: str, ids: tuple[str, ...], reason: str) -> Output:
    count = ws.events.retry(connection, ids, reason)
    return Output({"retried": count}, f"{count:,} messages are tried again by the worker")


@verb(
    events,
    Events.dismiss,
    writes=True,
    reason=True,
    example='pilothouse events dismiss late-labels --reason "a test"',
)
@connection_argument
@id_argument
def _dismiss(ws: Workspace, connection: str, ids: tuple[str, ...], reason: str) -> Output:
    count = ws.events.dismiss(connection, ids, reason)
    return Output({"dismissed": count}, f"{count:,} messages are dismissed")


def _spec(
    name: str,
    flow: str,
    system: str,
    deployment: str,
    settings: Pairs,
    options: Pairs,
    *,
    enabled: bool = True,
) -> ConnectionSpec:
    return ConnectionSpec(
        name,
        flow,
        system,
        deployment,
        _values(settings, systems.get(system).parameters),
        _values(options, flows.get(flow).parameters),
        enabled,
    )


def _values(pairs: Pairs, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The values of pairs; what a plugin takes as a text stays one."""
    kinds = {item.name: item.type for item in parameters}
    return {name: _value(text, kinds.get(name, "text")) for name, text in pairs}


def _value(text: str, kind: str) -> Any:
    if kind in ("text", "choice"):
        return text
    return orjson.loads(text) if kind in ("list", "object") else scalar(text)
