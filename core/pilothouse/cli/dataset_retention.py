"""`pilothouse datasets old-versions` and `delete-old-versions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import verb
from pilothouse.cli.datasets import datasets
from pilothouse.cli.output import Output
from pilothouse.data.retention_api import KEEP_DAYS, KEEP_VERSIONS, RetentionCommands

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace


def limit_options(act: Callable[..., Any]) -> Callable[..., Any]:
    """What a clean-up leaves in any case."""
    act = click.option(
        "--keep-days",
        type=int,
        default=KEEP_DAYS,
        show_default=True,
        help="Versions younger than so many days stay.",
    )(act)
    return click.option(
        "--keep-versions",
        type=int,
        default=KEEP_VERSIONS,
        show_default=True,
        help="So many of the newest versions stay.",
    )(act)


@verb(
    datasets,
    RetentionCommands.old_versions,
    example="pilothouse datasets old-versions sales --keep-versions 5 --keep-days 30",
)
@click.argument("name")
@limit_options
def _old_versions(ws: Workspace, name: str, keep_versions: int, keep_days: int) -> pd.DataFrame:
    return ws.data.old_versions(name, keep_versions=keep_versions, keep_days=keep_days)


@verb(
    datasets,
    RetentionCommands.delete_old_versions,
    writes=True,
    reason=True,
    example="pilothouse datasets delete-old-versions sales --keep-versions 5 --keep-days 30",
)
@click.argument("name")
@limit_options
def _delete_old_versions(
    ws: Workspace, name: str, keep_versions: int, keep_days: int, reason: str
) -> Output:
    job = ws.data.delete_old_versions(
        name, keep_versions=keep_versions, keep_days=keep_days, reason=reason
    )
    return Output({"job": job}, f"job {job}: `pilothouse jobs wait {job}`")
