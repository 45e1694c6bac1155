"""The three processes, each started alone."""

from __future__ import annotations

from pathlib import Path

import click

from pilothouse.cli.command import Command
from pilothouse.cli.options import settings_of, workspace_option
from pilothouse.cli.ports import require_free


@click.command(cls=Command, examples=("pilothouse app --port 8600",))
@workspace_option
@click.option("--port", type=int, default=None, help="Port on loopback  [default: 8501].")
def app(workspace: Path | None, port: int | None) -> None:
    """Run the app alone."""
    settings = settings_of(workspace, app_port=port)
    require_free(settings.app_port, "app", "--port")
    from pilothouse_app.server import serve

    serve(settings)


@click.command(cls=Command, examples=("pilothouse server --port 5051",))
@workspace_option
@click.option("--port", type=int, default=None, help="Port on loopback  [default: 5050].")
@click.option("--allow-reset", is_flag=True, help="Let tests empty the workspace over HTTP.")
def server(workspace: Path | None, port: int | None, allow_reset: bool) -> None:
    """Run the server alone: predictions, the MLflow protocol and the management API."""
    from pilothouse.http.server import serve

    serve(settings_of(workspace, server_port=port), allow_reset=allow_reset)


@click.command(cls=Command, examples=("pilothouse worker --workspace /srv/pilothouse",))
@workspace_option
def worker(workspace: Path | None) -> None:
    """Run the worker alone: jobs, schedules and model processes."""
    from pilothouse.cli.worker import work

    work(settings_of(workspace))
