"""`pilothouse jobs`: durable work that the worker does."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import PluginName
from pilothouse.cli.output import Output, text_of
from pilothouse.jobs.api import JobInfo, Jobs
from pilothouse.jobs.backends import backends
from pilothouse.kit.errors import PilothouseError, Unavailable

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

jobs = Group("jobs", help="Jobs: durable work that the worker does.")
job_argument = click.argument("job")
spread_option = click.option(
    "--spread",
    type=PluginName(backends),
    default=None,
    callback=lambda _context, _option, name: name or "",
    help="Where its parts run, see `pilothouse jobs backends`  [default: PILOTHOUSE_SPREAD].",
)
ALL = 1_000_000
POLL_SECONDS = 0.3


@verb(
    jobs,
    Jobs.jobs,
    Jobs.count,
    Jobs.active,
    name="list",
    example="pilothouse jobs list --status running",
    own_help=True,
)
@click.option("--status", default=None, help="queued, running, succeeded, failed or cancelled.")
@click.option("--kind", default=None, help="Such as train or retrain.")
@click.option("--subject", default=None, help="The object that they are about.")
@click.option("--limit", type=click.IntRange(1), default=ALL, help="At most so many.")
def _list(
    ws: Workspace, status: str | None, kind: str | None, subject: str | None, limit: int
) -> pd.DataFrame:
    """Every job, newest first."""
    return ws.jobs.jobs(status=status, kind=kind, subject_ref=subject, size=limit)


@verb(jobs, Jobs.backends, example="pilothouse jobs backends")
def _backends(ws: Workspace) -> Output:
    infos = ws.jobs.backends()
    lines = [
        f"{info.name or 'none'}: {info.title}"
        + (f" at {info.address}" if info.address else "")
        + (f"; not ready: {info.lacks}" if info.lacks else "")
        + (" (default)" if info.is_default else "")
        for info in infos
    ]
    return Output([asdict(info) for info in infos], "\n".join(lines))


@verb(
    jobs,
    Jobs.job,
    Jobs.steps,
    name="show",
    example="pilothouse jobs show JOB --json",
    own_help=True,
)
@job_argument
def _show(ws: Workspace, job: str) -> Output:
    """One job with its steps."""
    info, steps = ws.jobs.job(job), ws.jobs.steps(job)
    text = "\n".join([text_of(info), *(f"step: {text_of([step])}" for step in steps)])
    return Output({**asdict(info), "steps": steps}, text)


@verb(jobs, Jobs.log, name="logs", example="pilothouse jobs logs JOB --lines 50")
@job_argument
@click.option("--lines", type=click.IntRange(1), default=200, show_default=True)
def _logs(ws: Workspace, job: str, lines: int) -> Output:
    ws.jobs.job(job)
    log = ws.jobs.log(job, lines)
    return Output({"log": log}, log)


@verb(jobs, example="pilothouse jobs wait JOB --seconds 600")
@job_argument
@click.option("--seconds", type=float, default=None, help="Give up after so many.")
def _wait(ws: Workspace, job: str, seconds: float | None) -> Output:
    """Wait until a JOB has ended, with its progress on stderr.

    Ends with 1 when the job failed or was cancelled, with 6 when it takes longer than --seconds.
    """
    info = wait_for(ws, job, seconds)
    return Output(info, f"job {job}: {info.status}\n{text_of(info.result or {})}".strip())


def wait_for(ws: Workspace, job: str, seconds: float | None = None) -> JobInfo:
    """Wait until a job has ended, with its progress on stderr.

    Raises Unavailable when it takes longer, PilothouseError when it failed or was cancelled.
    """
    began, printed = time.monotonic(), ""
    while not (info := ws.jobs.job(job)).ended:
        if seconds is not None and time.monotonic() - began > seconds:
            raise Unavailable(
                f"job {job} has not ended within {seconds:g} s.",
                hint="It needs a running worker: `pilothouse worker` or `pilothouse up`.",
            )
        line = f"{info.progress:4.0%} {info.message}"
        if line != printed:
            click.echo(line, err=True)
            printed = line
        time.sleep(POLL_SECONDS)
    if info.result is None and info.status != "succeeded":
        raise PilothouseError(f"job {job} {info.status}: {info.error}", hint=info.hint)
    return info


@verb(
    jobs,
    Jobs.cancel,
    writes=True,
    reason=True,
    example='pilothouse jobs cancel JOB --reason "the wrong dataset"',
)
@job_argument
def _cancel(ws: Workspace, job: str, reason: str) -> Output:
    ws.jobs.cancel(job, reason)
    info = ws.jobs.job(job)
    state = "cancelled" if info.ended else "stopped at its next step"
    return Output(info, f"job {job} is {state}")


@verb(jobs, Jobs.retry, writes=True, reason=True, example="pilothouse jobs retry JOB")
@job_argument
def _retry(ws: Workspace, job: str, reason: str) -> Output:
    new = ws.jobs.retry(job, reason)
    return Output({"job": new, "retry_of": job}, new)
