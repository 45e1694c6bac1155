"""`pilothouse environments`: environments that models run in."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import FILE
from pilothouse.cli.output import Output, text_of
from pilothouse.environments.api import Environments
from pilothouse.environments.package_files import FILES
from pilothouse.environments.request import KIND_TITLES
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.environments.info import EnvironmentInfo
    from pilothouse.workspace import Workspace

environments = Group(
    "environments",
    help="Environments that models run in: built by uv, shared, removed when unused.\n\n"
    "NAME is an environment's id, or a model version that runs in it, such as churn@3.",
)
name_argument = click.argument("name")


@verb(environments, Environments.environments, name="list", example="pilothouse environments list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.environments.environments()


@verb(
    environments,
    Environments.environment,
    Environments.uses,
    Environments.use,
    Environments.interpreter,
    name="show",
    example="pilothouse environments show churn@3 --json",
    own_help=True,
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    """One environment: its state, lock, interpreter and what runs in it."""
    info = ws.environments.environment(name)
    uses = ws.environments.uses(name)
    text = [text_of(_facts(info) | {"lock": f"{info.packages} packages, with --json"})]
    if not uses.empty:
        text.append(text_of(uses))
    value = {**_facts(info), "uses": uses.to_dict(orient="records")}
    return Output(value, "\n".join(text))


@verb(
    environments,
    Environments.request,
    Environments.request_files,
    name="build",
    writes=True,
    make=True,
    example=(
        "pilothouse environments build requirements.txt --python 3.11",
        "pilothouse environments build conda.yaml python_env.yaml --logged-at 2024-05-01",
        "pilothouse environments build requirements.txt --for churn@3",
    ),
    own_help=True,
)
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--for", "subject", default="", metavar="VERSION", help="What is to run in it.")
@click.option("--python", default="", metavar="MINOR", help="Such as 3.11.")
@click.option(
    "--logged-at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    default=None,
    help="Take no package that was uploaded later (UTC).",
)
@click.option(
    "--kind",
    type=click.Choice([kind for kind in KIND_TITLES if kind != "named"]),
    default="verbatim",
    show_default=True,
    help="locked leaves out what predicting does not need.",
)
@click.option("--interpreter", default="", metavar="PATH", help="Use this Python as it is.")
def _build(
    ws: Workspace,
    files: tuple[Path, ...],
    subject: str,
    python: str,
    logged_at: datetime | None,
    kind: str,
    interpreter: str,
) -> Output:
    """Ask for the environment of FILES: requirements.txt, conda.yaml, python_env.yaml.

    A job of the worker builds it; `pilothouse jobs wait` waits for it. One with the same packages
    is shared.
    """
    values: dict[str, Any] = {
        "kind": "named" if interpreter else kind,
        "interpreter": interpreter,
        "python": python,
        "logged_at": logged_at and logged_at.replace(tzinfo=UTC),
    }
    info = ws.environments.request_files(_contents(files), subject, **values)
    return Output(_facts(info), f"{info.id}: {info.state}, job {info.job}")


def _contents(files: tuple[Path, ...]) -> dict[str, bytes]:
    """The files by the names that they have for MLflow; any .txt is a requirements.txt."""
    contents = {}
    for file in files:
        name = FILES[0] if file.suffix == ".txt" else file.name
        if name not in FILES:
            hint = f"Give one of {', '.join(FILES)}."
            raise Invalid(f"{file.name!r} is not a file of requirements.", hint=hint)
        contents[name] = file.read_bytes()
    return contents


@verb(
    environments,
    Environments.rebuild,
    writes=True,
    reason=True,
    example='pilothouse environments rebuild churn@3 --reason "the index is back"',
    own_help=True,
)
@name_argument
def _rebuild(ws: Workspace, name: str, reason: str) -> Output:
    """Resolve and build an environment anew, and check what runs in it."""
    info = ws.environments.rebuild(name, reason)
    return Output(_facts(info), f"{info.id}: {info.state}, job {info.job}")


@verb(
    environments,
    Environments.log,
    name="logs",
    example="pilothouse environments logs churn@3",
)
@name_argument
@click.option("--lines", type=click.IntRange(1), default=200, show_default=True)
def _logs(ws: Workspace, name: str, lines: int) -> Output:
    log = ws.environments.log(name, lines)
    return Output({"log": log}, log)


@verb(
    environments,
    Environments.remove,
    writes=True,
    reason=True,
    example="pilothouse environments remove 05fee4c405a2",
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    removed = ws.environments.remove(name, reason)
    return Output({"id": removed}, f"{removed} is removed")


@verb(
    environments,
    Environments.collect,
    Environments.disk_bytes,
    writes=True,
    reason=True,
    example="pilothouse environments collect --limit-mb 5000",
)
@click.option("--limit-mb", type=click.IntRange(0), default=None, help="What they may take, in MB.")
def _collect(ws: Workspace, limit_mb: int | None, reason: str) -> Output:
    result = ws.environments.collect(limit_mb, reason)
    freed, left = (f"{size / 1e6:,.0f} MB" for size in (result.freed_bytes, result.left_bytes))
    text = f"removed {len(result.removed)}, freed {freed}; {left} are taken"
    return Output(result, text)


def _facts(info: EnvironmentInfo) -> dict[str, Any]:
    path = info.interpreter
    return asdict(info) | {"interpreter": str(path) if path else None}
