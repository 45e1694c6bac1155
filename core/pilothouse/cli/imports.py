"""`pilothouse import mlflow`: import what MLflow stored; no server or worker is needed."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Command, Group
from pilothouse.cli.options import actor_option, json_option, settings_of, workspace_option
from pilothouse.cli.output import to_json
from pilothouse.cli.up import Stop, raise_stop
from pilothouse.interop.importing.api import Imports

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
@click.option("--experiment", "experiments", multiple=True, help="Only this one; repeatable.")
@click.option(
    "--prefix", default="", help="Put the experiments below this name, as PREFIX/experiment."
)
@click.option(
    "--artifacts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder with the files of a database, when they are not beside it.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be imported; write nothing.")
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
    from pilothouse.interop.importing.sources import normalised
    from pilothouse.workspace import open_workspace

    normalised(source)  # before a workspace is made for a name typed wrong
    opened = open_workspace(settings=settings_of(workspace), actor=acting_as)
    beside = str(artifacts) if artifacts else ""
    try:
        signal.signal(signal.SIGTERM, raise_stop)
        if dry_run:
            _print_preview(opened.imports.preview(source, artifacts=beside), as_json)
            return
        report = _import(opened, source, experiments=experiments, prefix=prefix, artifacts=beside)
    except (Stop, KeyboardInterrupt):
        click.echo("Stopped. Call it again to continue.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        opened.store.engine.dispose()
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
    click.echo(f"{preview.source} ({preview.written_by})")
    click.echo(preview.frame().to_string(index=False) if preview.experiments else "No experiments.")
    counts = {"runs": preview.runs or 0, "models": preview.models, "versions": preview.versions}
    click.echo(
        f"{_counted(counts) or 'Nothing to import'}; {preview.known_runs:,} runs imported earlier."
    )
