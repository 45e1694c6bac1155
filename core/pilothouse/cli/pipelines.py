"""`pilothouse pipelines`: workflows over several objects, as jobs for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.pipelines.api import Pipelines

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

pipelines = Group("pipelines", help="Retraining and evaluation, as jobs for the worker.")
deployment_argument = click.argument("deployment")


@verb(
    pipelines,
    Pipelines.retrain,
    writes=True,
    reason=True,
    example='pilothouse pipelines retrain churn --weeks 8 --reason "drift in March"',
)
@deployment_argument
@click.option("--weeks", type=int, default=8, show_default=True)
def _retrain(ws: Workspace, deployment: str, weeks: int, reason: str) -> Output:
    """It needs a --reason."""
    job = ws.pipelines.retrain(deployment, reason, weeks=weeks)
    return Output({"job": job}, f"job {job}: a running worker retrains {deployment}")


@verb(pipelines, Pipelines.evaluate, writes=True, example="pilothouse pipelines evaluate churn")
@deployment_argument
def _evaluate(ws: Workspace, deployment: str) -> Output:
    job = ws.pipelines.evaluate(deployment)
    return Output({"job": job}, f"job {job}: a running worker evaluates the windows")


@verb(pipelines, Pipelines.monitor, writes=True, example="pilothouse pipelines monitor churn")
@deployment_argument
def _monitor(ws: Workspace, deployment: str) -> Output:
    ws.pipelines.monitor(deployment)
    return Output({"deployment": deployment}, f"{deployment} is monitored")
