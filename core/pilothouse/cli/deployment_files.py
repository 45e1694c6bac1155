"""`pilothouse deployments export`, `diff`, `apply`: deployments as a file; `scale` to `stage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import FILE, NEW_FILE
from pilothouse.cli.output import Output
from pilothouse.deployments.api import Deployments
from pilothouse.deployments.desired_state.desired import NO_STAGE, SAME
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    from pilothouse.deployments.desired_state.desired import DeploymentChange
    from pilothouse.workspace import Workspace

deployment_files = Group("deployment files")
file_argument = click.argument("file", type=FILE)


class SleepMinutes(click.ParamType[float]):
    """A number of minutes; `never` is 0."""

    name = "minutes"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number. Ends the command with a message for what is none."""
        if value == "never":
            return 0.0
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of minutes nor `never`.", param, ctx)


def add_deployment_files(group: Group) -> None:
    """Add the commands to the group of deployments."""
    for command in deployment_files.commands.values():
        group.add_command(command)


@verb(
    deployment_files,
    Deployments.scale,
    Deployments.process_limits,
    writes=True,
    reason=True,
    example=(
        'pilothouse deployments scale churn 3 --reason "the sale begins"',
        "pilothouse deployments scale churn 1 --most 4",
    ),
)
@click.argument("name")
@click.argument("replicas", type=int)
@click.option("--most", type=int, default=None, help="As many as its load needs, up to that.")
def _scale(ws: Workspace, name: str, replicas: int, most: int | None, reason: str) -> Output:
    ws.deployments.scale(name, replicas, reason, most=most)
    limits = ws.deployments.process_limits(name)
    value = {"deployment": name, "replicas": limits.least, "most": limits.most}
    return Output(value, f"{name} has {limits.text} processes for each version")


@verb(
    deployment_files,
    Deployments.set_sleep,
    Deployments.sleep_after,
    name="sleep",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments sleep churn 30",
        "pilothouse deployments sleep churn never",
    ),
)
@click.argument("name")
@click.argument("after_minutes", type=SleepMinutes())
def _sleep(ws: Workspace, name: str, after_minutes: float, reason: str) -> Output:
    ws.deployments.set_sleep(name, after_minutes or None, reason)
    minutes = ws.deployments.sleep_after(name)
    value = {"deployment": name, "sleep_after_minutes": minutes}
    when = "never sleeps" if minutes is None else f"sleeps after {minutes:g} minutes unasked"
    return Output(value, f"{name} {when}")


@verb(
    deployment_files,
    Deployments.set_stage,
    Deployments.stage,
    name="stage",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments stage churn production",
        "pilothouse deployments stage churn none",
    ),
)
@click.argument("name")
@click.argument("stage")
def _stage(ws: Workspace, name: str, stage: str, reason: str) -> Output:
    ws.deployments.set_stage(name, "" if stage == NO_STAGE else stage, reason)
    stage = ws.deployments.stage(name)
    address = f"/stages/{stage}" if stage else "no stage"
    return Output({"deployment": name, "stage": stage}, f"{name} answers {address}")


@verb(
    deployment_files,
    Deployments.export,
    example=(
        "pilothouse deployments export churn",
        "pilothouse deployments export --output deployments.yaml",
    ),
)
@click.argument("names", nargs=-1)
@click.option("--output", type=NEW_FILE, default=None, help="Write it there; printed otherwise.")
def _export(ws: Workspace, names: tuple[str, ...], output: Path | None) -> Output:
    text = ws.deployments.export(names)
    if output is None:
        return Output({"text": text}, text.rstrip("\n"))
    output.write_text(text, encoding="utf-8")
    return Output({"file": str(output)}, f"{output} is written")


@verb(deployment_files, Deployments.diff, example="pilothouse deployments diff deployments.yaml")
@file_argument
def _diff(ws: Workspace, file: Path) -> Output:
    return _changes(ws.deployments.diff(_read(file)))


@verb(
    deployment_files,
    Deployments.apply,
    writes=True,
    reason=True,
    example='pilothouse deployments apply deployments.yaml --reason "merged to main"',
)
@file_argument
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
def _apply(ws: Workspace, file: Path, dry_run: bool, reason: str) -> Output:
    text = _read(file)
    return _changes(ws.deployments.diff(text) if dry_run else ws.deployments.apply(text, reason))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not a text file in UTF-8.") from None


def _changes(changes: tuple[DeploymentChange, ...]) -> Output:
    changed = [change.text for change in changes if change.kind != SAME]
    return Output(list(changes), "\n".join(changed) or "Nothing changes.")
