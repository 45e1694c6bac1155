"""`pilothouse import`: import what another tracker stored; no server or worker is needed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Command, Group, verb
from pilothouse.cli.options import (
    PluginName,
    actor_option,
    json_option,
    opened,
    settings_of,
    workspace_option,
)
from pilothouse.cli.output import Output, to_json
from pilothouse.cli.up import Stop, raise_stop
from pilothouse.interop.importing.api import Imports
from pilothouse.interop.importing.readers import readers
from pilothouse.interop.importing.watches import EVERY_SECONDS

if TYPE_CHECKING:
    from pilothouse.interop.importing.preview import ImportPreview
    from pilothouse.interop.importing.report import ImportReport
    from pilothouse.workspace import Workspace

INTERRUPTED, FAULTY = 130, 1
NOUNS = {
    "experiments": ("experiment", "experiments"),
    "runs": ("run", "runs"),
    "points": ("point", "points"),
    "files": ("file", "files"),
    "logged_models": ("logged model", "logged models"),
    "models": ("registered model", "registered models"),
    "versions": ("version", "versions"),
}


@click.group("import", cls=Group)
def imports() -> None:
    """Import experiments and runs from another tracker."""


experiment_option = click.option(
    "--experiment", "experiments", multiple=True, help="Only this one; repeatable."
)
prefix_option = click.option(
    "--prefix", default="", help="Put the experiments below this name, as PREFIX/experiment."
)
artifacts_option = click.option(
    "--artifacts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder with the files of an MLflow database or a Neptune export, when not beside it.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print what would be imported; write nothing."
)


@imports.command(
    cls=Command,
    apis=(Imports.run, Imports.preview, Imports.start, Imports.report),
    examples=(
        "pilothouse import history ./runs --dry-run",
        "pilothouse import history ./project --tracker tensorboard",
    ),
)
@click.argument("source")
@workspace_option
@json_option
@actor_option
@click.option(
    "--tracker",
    type=PluginName(readers),
    default=None,
    help="Whose history it is; without it, the source is recognised by what it contains.",
)
@experiment_option
@prefix_option
@artifacts_option
@dry_run_option
def history(
    source: str,
    workspace: Path | None,
    as_json: bool,
    acting_as: str | None,
    tracker: str | None,
    experiments: tuple[str, ...],
    prefix: str,
    artifacts: Path | None,
    dry_run: bool,
) -> None:
    """Import what another tracker stored in SOURCE; `pilothouse import trackers` lists them.

    Runs imported earlier are skipped; interrupted, it continues when it is called again. Ends with
    0 when everything was imported, with 1 when something was damaged or in conflict.
    """
    options = {"tracker": tracker or "", "experiments": experiments, "prefix": prefix}
    options["artifacts"] = str(artifacts) if artifacts else ""
    _run(source, workspace, acting_as, as_json=as_json, dry_run=dry_run, **options)


@imports.command(
    cls=Command,
    apis=(Imports.trackers,),
    examples=("pilothouse import trackers",),
)
@workspace_option
@json_option
def trackers(workspace: Path | None, as_json: bool) -> None:
    """List the trackers whose histories can be imported, and what to give for each."""
    with opened(workspace) as opened_workspace:
        by_name = {name: vars(info) for name, info in opened_workspace.imports.trackers().items()}
    if as_json:
        click.echo(to_json(by_name))
        return
    for name, tracker in by_name.items():
        click.echo(f"{name}: {tracker['description']} Give {tracker['accepts']}.")


@imports.command(
    cls=Command,
    apis=(Imports.run, Imports.preview, Imports.start, Imports.report),
    examples=(
        "pilothouse import mlflow ./mlruns --dry-run",
        "pilothouse import mlflow http://127.0.0.1:5000 --experiment churn --prefix old",
    ),
)
@click.argument("source")
@workspace_option
@json_option
@actor_option
@experiment_option
@prefix_option
@artifacts_option
@dry_run_option
def mlflow(
    source: str,
    workspace: Path | None,
    as_json: bool,
    acting_as: str | None,
    experiments: tuple[str, ...],
    prefix: str,
    artifacts: Path | None,
    dry_run: bool,
) -> None:
    """Import what MLflow stored in SOURCE: an mlruns folder, an mlflow.db, or a server's address.

    Runs imported earlier are skipped; interrupted, it continues when it is called again. Ends with
    0 when everything was imported, with 1 when something was damaged or in conflict.
    """
    options = {"tracker": "mlflow", "experiments": experiments, "prefix": prefix}
    options["artifacts"] = str(artifacts) if artifacts else ""
    _run(source, workspace, acting_as, as_json=as_json, dry_run=dry_run, **options)


@verb(
    imports,
    Imports.watch,
    name="watch",
    writes=True,
    example="pilothouse import watch ./wandb --every 15",
)
@click.argument("folder")
@click.option("--tracker", type=PluginName(readers), default=None, help="Whose folder it is.")
@experiment_option
@prefix_option
@click.option(
    "--every", type=int, default=EVERY_SECONDS, show_default=True, help="Seconds between looks."
)
def _watch(
    ws: Workspace,
    folder: str,
    tracker: str | None,
    experiments: tuple[str, ...],
    prefix: str,
    every: int,
) -> Output:
    watch = ws.imports.watch(
        folder,
        tracker=tracker or "",
        experiments=experiments,
        prefix=prefix,
        every_seconds=every,
    )
    return Output(vars(watch), f"{watch.folder} is watched; the worker imports what is new in it")


@verb(imports, Imports.watches, name="watches", example="pilothouse import watches")
def _watches(ws: Workspace) -> Output:
    rows = [vars(watch) for watch in ws.imports.watches()]
    lines = [f"{row['folder']}: {_state(row)}" for row in rows]
    return Output(rows, "\n".join(lines) or "No folder is watched.")


def _state(watch: Mapping[str, Any]) -> str:
    if watch["paused"]:
        return "paused"
    if watch["problem"]:
        return str(watch["problem"])
    return f"last import {watch['job']}" if watch["job"] else "not looked at yet"


@verb(
    imports,
    Imports.pause_watch,
    name="pause-watch",
    writes=True,
    reason=True,
    example="pilothouse import pause-watch ./wandb",
)
@click.argument("folder")
def _pause_watch(ws: Workspace, folder: str, reason: str) -> Output:
    ws.imports.pause_watch(folder, reason)
    return Output({"folder": folder, "paused": True}, f"{folder} is not looked at until resumed")


@verb(
    imports,
    Imports.resume_watch,
    name="resume-watch",
    writes=True,
    reason=True,
    example="pilothouse import resume-watch ./wandb",
)
@click.argument("folder")
def _resume_watch(ws: Workspace, folder: str, reason: str) -> Output:
    ws.imports.resume_watch(folder, reason)
    return Output({"folder": folder, "paused": False}, f"{folder} is watched again")


@verb(
    imports,
    Imports.remove_watch,
    name="remove-watch",
    writes=True,
    reason=True,
    example="pilothouse import remove-watch ./wandb",
)
@click.argument("folder")
def _remove_watch(ws: Workspace, folder: str, reason: str) -> Output:
    ws.imports.remove_watch(folder, reason)
    return Output({"folder": folder}, f"{folder} is watched no more; what was imported stays")


def _run(
    source: str,
    workspace: Path | None,
    acting_as: str | None,
    *,
    as_json: bool,
    dry_run: bool,
    **options: Any,
) -> None:
    """Preview or import, print the outcome and leave with its exit code."""
    from pilothouse.interop.importing.sources import normalised
    from pilothouse.workspace import open_workspace

    normalised(source)  # before a workspace is made for a name typed wrong
    current = open_workspace(settings=settings_of(workspace), actor=acting_as)
    try:
        signal.signal(signal.SIGTERM, raise_stop)
        if dry_run:
            how = {name: options[name] for name in ("tracker", "artifacts") if name in options}
            _print_preview(current.imports.preview(source, **how), as_json)
            return
        report = _import(current, source, **options)
    except (Stop, KeyboardInterrupt):
        click.echo("Stopped. Call it again to continue.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        current.store.engine.dispose()
    _print_report(report, as_json)
    sys.exit(FAULTY if report.faults else 0)


def _import(workspace: Workspace, source: str, **options: Any) -> ImportReport:
    def tell(share: float, step: str) -> None:
        click.echo(f"{share:4.0%} {step}" if share else step, err=True)

    return workspace.imports.run(source, on_progress=tell, **options)


def _print_report(report: ImportReport, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(report.to_json()))
        return
    for label, counts in (
        ("Imported", report.imported),
        ("Updated", report.changed),
        ("Imported earlier", report.already_imported),
    ):
        if counted := _counted(counts):
            click.echo(f"{label}: {counted}.")
    if not any(map(_counted, (report.imported, report.changed, report.already_imported))):
        click.echo("There was nothing to import.")
    for line in report.frame().to_dict("records"):
        click.echo(f"{line['outcome']}: {line['kind']} {line['name']}: {line['why']}")
    if report.lines_omitted:
        click.echo(f"and {report.lines_omitted:,} more.")


def _counted(counts: Mapping[str, int]) -> str:
    parts = [
        f"{counts[key]:,} {nouns[counts[key] != 1]}"
        for key, nouns in NOUNS.items()
        if counts.get(key)
    ]
    return ", ".join(parts)


def _print_preview(preview: ImportPreview, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(preview.to_json()))
        return
    click.echo(f"{preview.source} ({preview.tracker}: {preview.written_by})")
    click.echo(preview.frame().to_string(index=False) if preview.experiments else "No experiments.")
    counts = {"runs": preview.runs or 0, "models": preview.models, "versions": preview.versions}
    click.echo(
        f"{_counted(counts) or 'Nothing to import'}; {preview.known_runs:,} runs imported earlier."
    )
