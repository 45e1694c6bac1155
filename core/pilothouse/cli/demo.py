"""`pilothouse demo flights`: the whole loop, once, with nothing else running."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Command, Group
from pilothouse.cli.options import json_option, settings_of, workspace_option
from pilothouse.cli.output import to_json
from pilothouse.cli.supervisor import Supervisor, is_orphan
from pilothouse.cli.up import Stop, close, raise_stop
from pilothouse.kit.errors import PilothouseError, Unavailable
from pilothouse.kit.processes import find
from pilothouse.pipelines.api import Pipelines

if TYPE_CHECKING:
    from pilothouse.kit.settings import Settings
    from pilothouse.workspace import Workspace

STEP_SECONDS = 0.3
READY_SECONDS = 60.0
INTERRUPTED = 130
CREW = ("server", "worker")


@click.group(cls=Group)
def demo() -> None:
    """Run the end-to-end demo on real data."""


@demo.command(
    cls=Command,
    apis=(Pipelines.start_demo, Pipelines.demo_job),
    examples=("pilothouse demo flights --weeks 12",),
)
@workspace_option
@json_option
@click.option("--weeks", type=int, default=None, help="Send only the first weeks of flights.")
def flights(workspace: Path | None, as_json: bool, weeks: int | None) -> None:
    """Train, promote, deploy, predict, label, watch, alert and retrain on the flights of 2013.

    Interrupted, it continues when it is called again; ended, it prints its results.
    """
    from pilothouse.workspace import open_workspace

    settings = settings_of(workspace)
    opened = open_workspace(settings=settings)
    try:
        signal.signal(signal.SIGTERM, raise_stop)
        result = _result(settings, opened, _demo_job(opened, weeks))
    except (Stop, KeyboardInterrupt):
        click.echo("Stopped. Call it again, and it goes on where it was.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        opened.store.engine.dispose()
    click.echo(to_json(result, None if as_json else 2))


def _result(settings: Settings, workspace: Workspace, job_id: str) -> dict[str, object]:
    job = workspace.jobs.job(job_id)
    if job.result is not None:
        click.echo("The demo has ended here before; this is what came of it.", err=True)
        return dict(job.result)
    with _crew(settings, workspace) as crew:
        return _watch(workspace, job_id, crew)


@contextmanager
def _crew(settings: Settings, workspace: Workspace) -> Iterator[Supervisor]:
    """Server and worker: those that run, or our own for as long as the demo takes."""
    run, supervisor = workspace.store.run_folder, Supervisor(settings)
    try:
        for name in CREW:
            running = find(run, name)
            if running is None or is_orphan(workspace.folder, running):
                supervisor.run(name, *(("--port", "0") if name == "server" else ()))
        if not supervisor.wait(lambda: all(find(run, name) for name in CREW), READY_SECONDS):
            words = "; ".join(supervisor.troubles()) or "server or worker did not come up"
            raise Unavailable(f"{words}.", hint=f"Their logs are in {workspace.folder / 'logs'}.")
        yield supervisor
    finally:
        close(supervisor, settings)


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
        if troubles := crew.troubles():
            raise Unavailable("; ".join(troubles), hint="`pilothouse doctor` may know why.")
        words = f"{job.progress:4.0%} {job.message}"
        if words != shown:
            click.echo(words, err=True)
            shown = words
        time.sleep(STEP_SECONDS)
    if job.result is None:
        raise PilothouseError(f"the demo {job.status}: {job.error}", hint=job.hint)
    return dict(job.result)
