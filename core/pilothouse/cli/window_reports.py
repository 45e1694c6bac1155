"""`pilothouse monitors request-report`, `reports` and `report`: Evidently's report of a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.made_files import MadeFile
from pilothouse.cli.options import NEW_FILE
from pilothouse.cli.output import Output
from pilothouse.monitoring.api import Monitoring

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

reports = Group("reports")
window_argument = click.argument("window")


@verb(
    reports,
    Monitoring.request_report,
    writes=True,
    example=(
        "pilothouse monitors request-report WINDOW",
        "pilothouse monitors request-report WINDOW --output report.html",
    ),
)
@window_argument
@click.option("--output", type=NEW_FILE, help="Wait, and write its page to this file.")
def _request_report(ws: Workspace, window: str, output: Path | None) -> Output:
    """A running worker makes it; `pilothouse monitors report` writes it to a file, too."""
    return _reports_of(ws).requested(ws, ws.monitoring.request_report(window), output)


@verb(reports, Monitoring.reports, example="pilothouse monitors reports WINDOW")
@window_argument
def _reports(ws: Workspace, window: str) -> Output:
    ws.monitoring.window(window)
    of_window = ws.monitoring.reports(window)
    lines = [f"{report.id}  {report.status}" for report in of_window]
    return Output(of_window, "\n".join(lines) or "Nothing here yet.")


@verb(
    reports,
    Monitoring.report,
    Monitoring.report_html,
    example="pilothouse monitors report REPORT --output report.html",
)
@click.argument("report")
@click.option("--output", type=NEW_FILE, default=None, help="Write its page to this file.")
def _report(ws: Workspace, report: str, output: Path | None) -> Output:
    return _reports_of(ws).saved(report, output)


def _reports_of(ws: Workspace) -> MadeFile:
    return MadeFile("report", ws.monitoring.report, ws.monitoring.report_html)
