"""`pilothouse demo flights`: the whole loop, once, with nothing else running."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.options import json_option, settings_of, workspace_option
from pilothouse.cli.supervisor import Supervisor
from pilothouse.cli.up import stop_models
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.kit.processes import find

if TYPE_CHECKING:
    from pilothouse.kit.settings import Settings
    from pilothouse.workspace import Workspace

STEP_SECONDS = 0.3
READY_SECONDS = 60.0


@click.group()
def demo() -> None:
    """Sail the whole loop once on real data."""


@demo.command()
@workspace_option
@json_option
@click.option("--weeks", type=int, default=None, help="Send only the first weeks of flights.")
def flights(workspace: Path | None, as_json: bool, weeks: int | None) -> None:
    """Train, promote, deploy, predict, label, watch, alert and retrain on the flights of 2013.

    Interrupted, it goes on where it was when it is called again; ended, it prints what came of it.
    """
    from pilothouse.workspace import open_workspace

    settings = settings_of(workspace)
    opened = open_workspace(settings=settings)
    with _crew(settings, opened) as crew:
        result = _watch(opened, _demo_job(opened, weeks), crew)
    click.echo(json.dumps(result) if as_json else json.dumps(result, indent=2))


@contextmanager
def _crew(settings: Settings, workspace: Workspace) -> Iterator[Supervisor]:
    """Server and worker: those that run, or our own for as long as the demo takes."""
    run = workspace.store.run_folder
    supervisor = Supervisor(settings)
    needed = [name for name in ("server", "worker") if find(run, name) is None]
    for name in needed:
        supervisor.run(name, *(("--port", "0") if name == "server" else ()))
    try:
        if not supervisor.wait(
            lambda: all(find(run, n) for n in ("server", "worker")), READY_SECONDS
        ):
            raise Unavailable(
                "server or worker did not come up.",
                hint=f"Their logs are in {workspace.folder / 'logs'}.",
            )
        yield supervisor
    finally:
        supervisor.stop()
        if "worker" in needed:
            stop_models(settings)


def _demo_job(workspace: Workspace, weeks: int | None) -> str:
    job_id = workspace.pipelines.start_demo(weeks=weeks)
    if workspace.jobs.job(job_id).status in ("failed", "cancelled"):
        return workspace.jobs.retry(job_id, reason="the demo was called again")
    return job_id


def _watch(workspace: Workspace, job_id: str, crew: Supervisor) -> dict[str, object]:
    """Show progress until the job ends; its result. Raises what it failed with."""
    shown = ""
    while not (job := workspace.jobs.job(job_id)).ended:
        crew.tend()
        words = f"{job.progress:4.0%} {job.message}"
        if words != shown:
            click.echo(words, err=True)
            shown = words
        time.sleep(STEP_SECONDS)
    if job.result is None:
        raise PilothouseError(f"the demo {job.status}: {job.error}", hint=job.hint)
    return dict(job.result)
