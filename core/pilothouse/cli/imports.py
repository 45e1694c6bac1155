"""`pilothouse import mlflow`: the history that MLflow kept, with nothing else running."""

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
@click.option("--experiment", "experiments", multiple=True, help="Only this one; may be repeated.")
@click.option("--prefix", default="", help="Put the experiments under this name, as NAME/theirs.")
@click.option(
    "--artifacts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=None,
    help="Folder with the files of a database, when they do not lie beside it.",
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
    """Bring what MLflow kept in SOURCE: an mlruns folder, an mlflow.db, or a server's address.

    What is here already is not brought twice; interrupted, it goes on when it is called again.
    Ends with 0 when everything came, with 1 when something was broken or in conflict.
    """
    from pilothouse.interop.importing.sources import named
    from pilothouse.workspace import open_workspace

    named(source)  # before a workspace is made for a name typed wrong
    opened = open_workspace(settings=settings_of(workspace), actor=acting_as)
    beside = str(artifacts) if artifacts else ""
    try:
        signal.signal(signal.SIGTERM, raise_stop)
        if dry_run:
            _show_look(opened.imports.preview(source, artifacts=beside), as_json)
            return
        report = _brought(opened, source, experiments=experiments, into=prefix, artifacts=beside)
    except (Stop, KeyboardInterrupt):
        click.echo("Stopped. Call it again, and it goes on where it was.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        opened.store.engine.dispose()
    _show(report, as_json)
    sys.exit(FAULTY if report.faults else 0)


def _brought(workspace: Workspace, source: str, **wanted: Any) -> ImportReport:
    def tell(share: float, words: str) -> None:
        click.echo(f"{share:4.0%} {words}" if share else words, err=True)

    return workspace.imports.run(source, tell=tell, **wanted)


def _show(report: ImportReport, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(report.to_json()))
        return
    for words, counts in (
        ("Brought", report.brought),
        ("Brought up to date", report.changed),
        ("Here already", report.already_imported),
    ):
        if told := _counted(counts):
            click.echo(f"{words}: {told}.")
    if not any(map(_counted, (report.brought, report.changed, report.already_imported))):
        click.echo("There was nothing to bring.")
    for line in report.frame().to_dict("records"):
        click.echo(f"{line['outcome']}: {line['kind']} {line['name']}: {line['why']}")
    if report.untold:
        click.echo(f"and {report.untold:,} more.")


def _counted(counts: Mapping[str, int]) -> str:
    told = [
        f"{counts[key]:,} {nouns[counts[key] != 1]}"
        for key, nouns in NOUNS.items()
        if counts.get(key)
    ]
    return ", ".join(told)


def _show_look(look: ImportPreview, as_json: bool) -> None:
    if as_json:
        click.echo(to_json(look.to_json()))
        return
    click.echo(f"{look.source} ({look.written_by})")
    click.echo(look.frame().to_string(index=False) if look.experiments else "No experiments.")
    counts = {"runs": look.runs or 0, "models": look.models, "versions": look.versions}
    click.echo(f"{_counted(counts) or 'Nothing to bring'}; {look.known_runs:,} runs are here.")
