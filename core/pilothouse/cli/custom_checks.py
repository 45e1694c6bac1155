"""`pilothouse monitors checks`: custom checks in SQL or Python."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import FILE
from pilothouse.cli.output import Output, text_of
from pilothouse.monitoring.api import Monitoring
from pilothouse.monitoring.checks import Direction
from pilothouse.monitoring.custom_checks.spec import CustomCheckSpec, Language

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pilothouse.workspace import Workspace

checks = Group("checks", help="Custom checks: a number of your own, by SQL or Python.")
deployment_argument = click.argument("deployment")
name_argument = click.argument("name")


def _spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make a check."""
    for option in (
        click.option(
            "--draws", type=int, default=0, show_default=True,
            help="Of rows of the reference, for what chance gives.",
        ),
        click.option(
            "--direction", type=click.Choice(get_args(Direction)), default="above",
            show_default=True, help="On which side of the limits the bad lies.",
        ),
        click.option("--fail", type=float, required=True, help="Beyond it, the check fails."),
        click.option("--warn", type=float, required=True, help="Beyond it, the check warns."),
    ):  # fmt: skip
        command = option(command)
    return command


def _spec(name: str, file: Path, options: dict[str, Any]) -> CustomCheckSpec:
    language: Language = "python" if file.suffix == ".py" else "sql"
    return CustomCheckSpec(name, language, file.read_text(encoding="utf-8"), **options)


@verb(
    checks, Monitoring.checks, name="list", example="pilothouse monitors checks list churn",
    own_help=True,
)  # fmt: skip
@deployment_argument
def _list(ws: Workspace, deployment: str) -> pd.DataFrame:
    """Custom checks of a DEPLOYMENT, by name."""
    return ws.monitoring.checks(deployment)


@verb(checks, Monitoring.check, name="show", example="pilothouse monitors checks show churn minors",
      own_help=True)  # fmt: skip
@deployment_argument
@name_argument
def _show(ws: Workspace, deployment: str, name: str) -> Output:
    """The custom check NAME of a DEPLOYMENT, with its code."""
    info = ws.monitoring.check(deployment, name)
    about = {**asdict(info.spec), "digest": info.digest, "created_by": info.created_by}
    return Output(about, text_of(about))


@verb(
    checks, Monitoring.save_check, name="add", writes=True, reason=True, own_help=True,
    example="pilothouse monitors checks add churn minors minors.sql --warn 0.01 --fail 0.05",
)  # fmt: skip
@deployment_argument
@name_argument
@click.argument("file", type=FILE)
@_spec_options
def _add(
    ws: Workspace, deployment: str, name: str, file: Path, reason: str, **options: Any
) -> Output:
    """Add the custom check NAME to a DEPLOYMENT, or change it: a .py file, or one of SQL."""
    info = ws.monitoring.save_check(deployment, _spec(name, file, options), reason)
    return Output({"name": name, "digest": info.digest}, f"the check {name} runs on new windows")


@verb(
    checks, Monitoring.try_check, name="try", own_help=True,
    example="pilothouse monitors checks try churn minors.sql --warn 0.01 --fail 0.05",
)  # fmt: skip
@deployment_argument
@click.argument("file", type=FILE)
@_spec_options
def _try(ws: Workspace, deployment: str, file: Path, **options: Any) -> Output:
    """Run a check of a DEPLOYMENT on its newest window, and store nothing."""
    check = ws.monitoring.try_check(deployment, _spec("tried", file, options))
    about = {
        name: getattr(check, name)
        for name in ("status", "score", "warn", "threshold", "noise", "message")
    }
    return Output(about, text_of(about))


@verb(
    checks, Monitoring.remove_check, name="remove", writes=True, reason=True,
    example='pilothouse monitors checks remove churn minors --reason "replaced"',
)  # fmt: skip
@deployment_argument
@name_argument
def _remove(ws: Workspace, deployment: str, name: str, reason: str) -> Output:
    ws.monitoring.remove_check(deployment, name, reason)
    return Output({"removed": name}, f"the check {name} is removed")
