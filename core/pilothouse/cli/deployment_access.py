"""`pilothouse deployments keys` and `limits`: who may call a deployment, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output, text_of
from pilothouse.deployments.access.key_ring import PREDICT, SCOPES, CallLimits
from pilothouse.deployments.api import Deployments

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

keys = Group("keys", help="API keys: who may call deployments.")
limits = Group("limits", help="Limits: whether a key is needed, and how many requests are taken.")
NEEDS_KEY = {"yes": True, "no": False, "by-keys": None}
name_argument = click.argument("name")


@verb(
    keys,
    Deployments.api_key_frame,
    Deployments.api_keys,
    name="list",
    example=(
        "pilothouse deployments keys list",
        "pilothouse deployments keys list --deployment churn",
    ),
    own_help=True,
)
@click.option("--deployment", default="", help="Those that are for this one.")
def _list(ws: Workspace, deployment: str) -> pd.DataFrame:
    """Every API key without its text, the newest first."""
    return ws.deployments.api_key_frame(deployment)


@verb(
    keys,
    Deployments.create_api_key,
    name="create",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments keys create shop --deployment churn --days 90",
        "pilothouse deployments keys create ci --scope predict --scope labels",
    ),
    own_help=True,
)
@click.argument("label")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(list(SCOPES)),
    multiple=True,
    default=[PREDICT],
    show_default=True,
    help="What it is for; repeatable.",
)
@click.option("--deployment", "names", multiple=True, help="One it is for; repeatable; else all.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Until it expires.")
def _create(
    ws: Workspace,
    label: str,
    scopes: tuple[str, ...],
    names: tuple[str, ...],
    days: float | None,
    reason: str,
) -> Output:
    """Make an API key; its text is printed once. LABEL says who uses it.

    From then on, such requests to these deployments need a key.
    """
    expires_at = None if days is None else ws.store.now() + timedelta(days=days)
    made = ws.deployments.create_api_key(label, scopes, names, expires_at=expires_at, reason=reason)
    value = {"key": made.key, **vars(made.info)}
    return Output(value, f"{made.key}\nIt is not shown again. Its prefix is {made.info.prefix}.")


@verb(
    keys,
    Deployments.revoke_api_key,
    name="revoke",
    writes=True,
    reason=True,
    example='pilothouse deployments keys revoke ph_Zk81a0Qx --reason "the laptop was lost"',
)
@click.argument("key")
def _revoke(ws: Workspace, key: str, reason: str) -> Output:
    info = ws.deployments.revoke_api_key(key, reason)
    return Output(info, f"{info.prefix} ({info.label}) is revoked")


@verb(
    limits,
    Deployments.limits,
    Deployments.needs_key,
    name="show",
    example="pilothouse deployments limits show churn",
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    return _output(ws, name, ws.deployments.limits(name))


@verb(
    limits,
    Deployments.set_limits,
    name="set",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments limits set churn --per-second 50 --burst 100",
        "pilothouse deployments limits set churn --needs-key yes --max-concurrent 0",
    ),
    own_help=True,
)
@name_argument
@click.option(
    "--needs-key",
    type=click.Choice(list(NEEDS_KEY)),
    default=None,
    help="Whether requests need an API key; by-keys: as soon as one was made for them.",
)
@click.option("--max-concurrent", type=click.IntRange(0), default=None, help="0 for no limit.")
@click.option("--per-second", type=click.FloatRange(0), default=None, help="0 for no limit.")
@click.option("--burst", type=click.IntRange(0), default=None, help="0: those of a second.")
def _set(
    ws: Workspace,
    name: str,
    needs_key: str | None,
    max_concurrent: int | None,
    per_second: float | None,
    burst: int | None,
    reason: str,
) -> Output:
    """Change the limits of the deployment NAME; what is not given stays."""
    after = ws.deployments.limits(name)
    if needs_key is not None:
        after = replace(after, needs_key=NEEDS_KEY[needs_key])
    if max_concurrent is not None:
        after = replace(after, max_concurrent=max_concurrent or None)
    if per_second is not None:
        after = replace(after, per_second=per_second or None)
        after = after if per_second else replace(after, burst=None)
    if burst is not None:
        after = replace(after, burst=burst or None)
    return _output(ws, name, ws.deployments.set_limits(name, after, reason))


def _output(ws: Workspace, name: str, held: CallLimits) -> Output:
    closed = ws.deployments.needs_key(name)
    value = {**vars(held), "needs_key_for": list(closed)}
    rate = "no limit" if held.per_second is None else f"{held.per_second:g} a second"
    facts = {
        "an API key is needed for": ", ".join(closed) or "nothing",
        "requests at once": held.max_concurrent or "no limit",
        "requests": rate,
        "burst": held.burst,
    }
    return Output(value, text_of(facts))
