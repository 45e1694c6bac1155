"""`pilothouse export-runs` and `export-run-formats`: runs for other trackers and as tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import NEW_FILE, PluginName
from pilothouse.cli.output import Output
from pilothouse.interop.run_exports.api import RunExports
from pilothouse.interop.run_exports.formats import run_formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilothouse.interop.run_exports.run_source import RunTotals
    from pilothouse.workspace import Workspace

root_commands = Group("export-runs")


@verb(
    root_commands,
    RunExports.write,
    RunExports.preview,
    writes=True,
    example=(
        "pilothouse export-runs mlflow --experiment churn --output churn.zip",
        "pilothouse export-runs parquet RUN RUN --output runs.zip",
        "pilothouse export-runs tensorboard --experiment churn --dry-run",
    ),
)
@click.argument("format", type=PluginName(run_formats))
@click.argument("runs", nargs=-1)
@click.option("--experiment", "experiments", multiple=True, help="All of its runs. Repeatable.")
@click.option("--output", "-o", type=NEW_FILE, default=None, help="[default: runs-FORMAT.zip]")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
def _export_runs(
    ws: Workspace,
    format: str,
    runs: tuple[str, ...],
    experiments: tuple[str, ...],
    output: Path | None,
    dry_run: bool,
) -> Output:
    """`pilothouse export-run-formats` lists the formats."""
    preview = ws.run_exports.preview(format, runs=runs, experiments=experiments)
    if dry_run:
        lines = [_totals(preview.totals), *_listed("Not in it", preview.left_out)]
        return Output(preview, "\n".join(lines))
    path = output or Path(f"runs-{format}.zip")
    with click.progressbar(length=1000, label="Exporting", file=sys.stderr) as bar:
        written = ws.run_exports.write(
            format,
            path,
            runs=runs,
            experiments=experiments,
            on_progress=lambda share, _: bar.update(int(share * 1000) - bar.pos),
        )
    lines = [
        f"{path} is written: {_totals(written.totals)}; {written.bytes:,} bytes",
        *_listed("Not in it", written.left_out),
        *_listed("Changed on the way", written.notes),
        f"SHA-256: {written.sha256}",
    ]
    return Output(written, "\n".join(lines))


@verb(
    root_commands,
    RunExports.formats,
    name="export-run-formats",
    example="pilothouse export-run-formats",
)
def _export_run_formats(ws: Workspace) -> Output:
    formats = ws.run_exports.formats()
    lines = [f"{name}: {kind.title}. {kind.description}" for name, kind in formats.items()]
    return Output(formats, "\n".join(lines))


def _totals(totals: RunTotals) -> str:
    return (
        f"runs: {totals.runs:,}; points: {totals.points:,}; files: {totals.files:,} "
        f"({totals.bytes:,} bytes)"
    )


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"{heading}:", *(f"  - {line}" for line in lines)] if lines else []


export_runs = root_commands.commands["export-runs"]
export_run_formats = root_commands.commands["export-run-formats"]
