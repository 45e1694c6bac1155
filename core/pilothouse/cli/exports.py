"""`pilothouse export` and `export-targets`: a version as the files of another serving system."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.models import model_argument, version_argument
from pilothouse.cli.options import INSTANT, NEW_FILE, PAIR, PluginName, scalars
from pilothouse.cli.output import Output
from pilothouse.interop.exporting.api import ModelExports
from pilothouse.interop.exporting.targets import export_targets

if TYPE_CHECKING:
    from pilothouse.interop.exporting.info import ExportPreview
    from pilothouse.workspace import Workspace

root_commands = Group("export")
start_option = click.option("--start", type=INSTANT, default=None, help="Events of then or later.")
end_option = click.option("--end", type=INSTANT, default=None, help="Events before.")
deployment_option = click.option(
    "--deployment", default="", help="Whose replicas, limits and rollout are carried over."
)


@verb(
    root_commands,
    ModelExports.write,
    ModelExports.preview,
    writes=True,
    own_help=True,
    example=(
        "pilothouse export container churn 3 --output churn-3.zip",
        "pilothouse export kubernetes churn 3 --deployment churn --option image=registry/churn:3",
        "pilothouse export helm churn 3 --dry-run",
    ),
)
@click.argument("target", type=PluginName(export_targets))
@model_argument
@version_argument
@deployment_option
@click.option(
    "--option", "options", type=PAIR, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)
@click.option("--output", "-o", type=NEW_FILE, default=None, help="[default: MODEL-VERSION-TARGET]")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def _export(
    ws: Workspace,
    target: str,
    model: str,
    version: int,
    deployment: str,
    options: tuple[tuple[str, str], ...],
    output: Path | None,
    dry_run: bool,
) -> Output:
    """Write a version as an archive of the files of another serving system.

    What cannot be carried over is printed, and is in its NOTES.md, too. `pilothouse export-targets`
    lists the targets with their options.
    """
    values = scalars(options)
    preview = ws.exports.preview(target, model, version, deployment, values)
    if dry_run:
        return Output(preview, f"{_notes(preview)}\n{len(preview.paths)} files; none is written")
    path = output or Path(preview.filename)
    written = ws.exports.write(target, model, version, path, deployment, values)
    lines = [
        _notes(preview),
        f"{path} is written: {len(preview.paths)} files, {written.bytes:,} bytes",
        f"SHA-256: {written.sha256}",
    ]
    return Output(written, "\n".join(lines))


@verb(
    root_commands,
    ModelExports.offers,
    name="export-targets",
    example="pilothouse export-targets churn 3",
)
@model_argument
@version_argument
@deployment_option
def _export_targets(ws: Workspace, model: str, version: int, deployment: str) -> Output:
    offers = ws.exports.offers(model, version, deployment)
    lines = []
    for offer in offers:
        lines.append(f"{offer.target}: {offer.title}. {offer.description}")
        lines += [f"  not for this version: {offer.reason}"] if offer.reason else []
        lines += [f"  {p.name}: {p.help}" for p in offer.parameters if not offer.reason]
    return Output(offers, "\n".join(lines))


@verb(
    root_commands,
    ModelExports.whylogs_profiles,
    name="export-whylogs",
    writes=True,
    example="pilothouse export-whylogs WINDOW --output profiles.zip",
)
@click.argument("window")
@click.option("--output", "-o", type=NEW_FILE, default=None, help="[default: whylogs-WINDOW.zip]")
def _export_whylogs(ws: Workspace, window: str, output: Path | None) -> Output:
    return _written(output or Path(f"whylogs-{window}.zip"), ws.exports.whylogs_profiles(window))


@verb(
    root_commands,
    ModelExports.arize_files,
    name="export-arize",
    writes=True,
    example="pilothouse export-arize churn --start 2026-01-01 --output churn.zip",
)
@click.argument("deployment")
@start_option
@end_option
@click.option("--output", "-o", type=NEW_FILE, default=None, help="[default: arize-DEPLOYMENT.zip]")
def _export_arize(
    ws: Workspace,
    deployment: str,
    start: datetime | None,
    end: datetime | None,
    output: Path | None,
) -> Output:
    content = ws.exports.arize_files(deployment, start, end)
    return _written(output or Path(f"arize-{deployment}.zip"), content)


@verb(
    root_commands,
    ModelExports.openinference_spans,
    name="export-openinference",
    writes=True,
    example="pilothouse export-openinference churn --start 2026-01-01 --output churn.zip",
)
@click.argument("deployment")
@start_option
@end_option
@click.option("--output", "-o", type=NEW_FILE, default=None, help="[default: spans-DEPLOYMENT.zip]")
def _export_openinference(
    ws: Workspace,
    deployment: str,
    start: datetime | None,
    end: datetime | None,
    output: Path | None,
) -> Output:
    content = ws.exports.openinference_spans(deployment, start, end)
    return _written(output or Path(f"spans-{deployment}.zip"), content)


def _written(path: Path, content: bytes) -> Output:
    path.write_bytes(content)
    about = {"path": str(path), "bytes": len(content)}
    return Output(about, f"{path} is written: {len(content):,} bytes")


def _notes(preview: ExportPreview) -> str:
    """What is not carried over, and what to know before the export is used."""
    parts = [f"{preview.ref} for {preview.title}"]
    for heading, lines in (
        ("Not carried over", preview.left_out),
        ("Before you use it", preview.notes),
    ):
        if lines:
            parts += [f"{heading}:", *(f"  - {line}" for line in lines)]
    return "\n".join(parts)


export = root_commands.commands["export"]
export_targets_command = root_commands.commands["export-targets"]
export_whylogs = root_commands.commands["export-whylogs"]
export_arize = root_commands.commands["export-arize"]
export_openinference = root_commands.commands["export-openinference"]
