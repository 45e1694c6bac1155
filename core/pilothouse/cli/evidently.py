"""`pilothouse monitors evidently`: windows for Evidently, and its snapshots beside the windows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.made_files import MadeFile
from pilothouse.cli.options import INSTANT, NEW_FILE
from pilothouse.cli.output import Output
from pilothouse.monitoring.api import Monitoring

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

evidently = Group("evidently", help="Evidently workspaces: export windows, import snapshots.")
deployment_argument = click.argument("deployment")
export_argument = click.argument("export")
snapshot_argument = click.argument("snapshot")


@verb(
    evidently,
    Monitoring.export_evidently,
    name="export",
    writes=True,
    example=(
        "pilothouse monitors evidently export churn --start 2026-01-01",
        "pilothouse monitors evidently export churn --output churn.zip",
    ),
)
@deployment_argument
@click.option("--start", type=INSTANT, default=None, help="Windows that begin then or later.")
@click.option("--end", type=INSTANT, default=None, help="Windows that begin before.")
@click.option("--output", type=NEW_FILE, help="Wait, and write its zip to this file.")
def _export(
    ws: Workspace,
    deployment: str,
    start: datetime | None,
    end: datetime | None,
    output: Path | None,
) -> Output:
    """A running worker writes it; `pilothouse monitors evidently show` saves its zip, too."""
    export = ws.monitoring.export_evidently(deployment, start, end)
    return _exports_of(ws).requested(ws, export, output)


@verb(
    evidently,
    Monitoring.evidently_exports,
    name="exports",
    example="pilothouse monitors evidently exports churn",
)
@deployment_argument
def _exports(ws: Workspace, deployment: str) -> Output:
    ws.monitoring.monitor_info(deployment)
    exports = ws.monitoring.evidently_exports(deployment)
    lines = [f"{info.id}  {info.status}  {info.windows} windows" for info in exports]
    return Output(exports, "\n".join(lines) or "Nothing here yet.")


@verb(
    evidently,
    Monitoring.evidently_export,
    Monitoring.evidently_zip,
    name="show",
    example="pilothouse monitors evidently show EXPORT --output churn.zip",
)
@export_argument
@click.option("--output", type=NEW_FILE, default=None, help="Write its zip to this file.")
def _show(ws: Workspace, export: str, output: Path | None) -> Output:
    return _exports_of(ws).saved(export, output)


def _exports_of(ws: Workspace) -> MadeFile:
    return MadeFile("export", ws.monitoring.evidently_export, ws.monitoring.evidently_zip)


@verb(
    evidently,
    Monitoring.import_evidently,
    name="import",
    writes=True,
    example="pilothouse monitors evidently import churn evidently-workspace/",
)
@deployment_argument
@click.argument("path", type=click.Path(path_type=Path))
def _import(ws: Workspace, deployment: str, path: Path) -> Output:
    result = ws.monitoring.import_evidently(deployment, path)
    lines = [f"{result.added} added, {result.existed} were there, {result.skipped} left out"]
    lines += [f"  {row[0]}: {row[2]}: {row[5]}" for row in result.rows if row[5]]
    return Output(result, "\n".join(lines))


@verb(
    evidently,
    Monitoring.evidently_snapshots,
    name="snapshots",
    example="pilothouse monitors evidently snapshots churn",
)
@deployment_argument
def _snapshots(ws: Workspace, deployment: str) -> pd.DataFrame:
    return ws.monitoring.evidently_snapshots(deployment)


@verb(
    evidently,
    Monitoring.evidently_figures,
    name="figures",
    example="pilothouse monitors evidently figures SNAPSHOT",
)
@snapshot_argument
def _figures(ws: Workspace, snapshot: str) -> pd.DataFrame:
    return ws.monitoring.evidently_figures(snapshot)


@verb(
    evidently,
    Monitoring.remove_evidently_snapshot,
    name="remove",
    writes=True,
    reason=True,
    example='pilothouse monitors evidently remove SNAPSHOT --reason "of another model"',
)
@snapshot_argument
def _remove(ws: Workspace, snapshot: str, reason: str) -> Output:
    ws.monitoring.remove_evidently_snapshot(snapshot, reason)
    return Output({"snapshot": snapshot}, f"{snapshot} is removed")


__all__ = ["evidently"]
