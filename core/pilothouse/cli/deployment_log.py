"""`pilothouse deployments log`: how predictions are logged and kept, and what was deleted."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import dry_run_option
from pilothouse.cli.output import Output, text_of
from pilothouse.deployments.api import Deployments

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

log = Group("log", help="The prediction log: what is logged, for how long, and what was deleted.")
name_argument = click.argument("name")


@verb(
    log,
    Deployments.log_state,
    Deployments.log_rules,
    name="show",
    example="pilothouse deployments log show churn",
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    return _output(ws, name)


@verb(
    log,
    Deployments.set_log_rules,
    name="set",
    writes=True,
    reason=True,
    example=(
        'pilothouse deployments log set churn --keep-days 90 --reason "our policy on data"',
        "pilothouse deployments log set churn --drop note --hash customer",
        "pilothouse deployments log set churn --keep-days 0 --log note",
        "pilothouse deployments log set churn --share 0.1",
    ),
    own_help=True,
)
@name_argument
@click.option("--keep-days", type=click.IntRange(0), default=None, help="0 to keep for ever.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=None,
    help="The share of requests whose predictions are logged, 1 for all.",
)
@click.option("--drop", multiple=True, help="An input that is not logged; repeatable.")
@click.option("--hash", "hashed", multiple=True, help="An input of which a hash is logged.")
@click.option("--log", "logged", multiple=True, help="An input that is logged as it is again.")
def _set(
    ws: Workspace,
    name: str,
    keep_days: int | None,
    share: float | None,
    drop: tuple[str, ...],
    hashed: tuple[str, ...],
    logged: tuple[str, ...],
    reason: str,
) -> Output:
    """Change the rules of the log of the deployment NAME; what is not given stays."""
    after = ws.deployments.log_rules(name)
    moved = {*drop, *hashed, *logged}
    after = replace(
        after,
        dropped=(*(column for column in after.dropped if column not in moved), *drop),
        hashed=(*(column for column in after.hashed if column not in moved), *hashed),
    )
    if share is not None:
        after = replace(after, share=share)
    if keep_days is not None:
        after = replace(after, keep_days=keep_days or None)
    ws.deployments.set_log_rules(name, after, reason)
    return _output(ws, name)


@verb(
    log,
    Deployments.clean_log,
    name="clean",
    writes=True,
    example="pilothouse deployments log clean churn",
)
@name_argument
def _clean(ws: Workspace, name: str) -> Output:
    job = ws.deployments.clean_log(name)
    return Output({"job": job}, f"the worker deletes old rows in the job {job}")


@verb(
    log,
    Deployments.log_deletions,
    name="deletions",
    example="pilothouse deployments log deletions churn",
)
@name_argument
def _deletions(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.deployments.log_deletions(name)


@verb(
    log,
    Deployments.erase,
    Deployments.count_erasure,
    name="erase",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments log erase churn --column customer --value 4711 --dry-run",
        'pilothouse deployments log erase churn --id order-17 --reason "asked for on 2 March"',
    ),
    own_help=True,
)
@name_argument
@click.option("--column", default="", help="The input that names the entity.")
@click.option("--value", default=None, help="Its value.")
@click.option("--id", "ids", multiple=True, help="A prediction id; repeatable.")
@dry_run_option
def _erase(
    ws: Workspace,
    name: str,
    column: str,
    value: str | None,
    ids: tuple[str, ...],
    dry_run: bool,
    reason: str,
) -> Output:
    """Erase an entity's rows from the log of the deployment NAME, with labels and rewards."""
    if dry_run:
        count = ws.deployments.count_erasure(name, column=column, value=value, ids=ids)
        return Output(count, text_of(asdict(count)))
    job = ws.deployments.erase(name, reason, column=column, value=value, ids=ids)
    return Output({"job": job}, f"the worker erases the rows in the job {job}")


@verb(
    log,
    Deployments.erasure_certificate,
    name="certificate",
    example="pilothouse deployments log certificate 019ca90e1b807341",
)
@click.argument("job")
def _certificate(ws: Workspace, job: str) -> Output:
    certificate = ws.deployments.erasure_certificate(job)
    return Output(certificate, json.dumps(certificate, indent=2, ensure_ascii=False))


def _output(ws: Workspace, name: str) -> Output:
    state = ws.deployments.log_state(name)
    keep = state.rules.keep_days
    facts = {
        "rows are kept": "for ever" if keep is None else f"{keep:,} days",
        "not logged": ", ".join(state.rules.dropped) or None,
        "hashed": ", ".join(state.rules.hashed) or None,
        "rows deleted of events before": state.deleted_before,
        "last clean-up": state.cleaned_at,
        "older rows are kept because": state.held_by or None,
    }
    return Output(asdict(state), text_of(facts))
