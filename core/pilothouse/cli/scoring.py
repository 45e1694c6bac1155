"""`pilothouse evaluate`: what a model version is worth on a dataset version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output
from pilothouse.pipelines.api import Pipelines

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

root_commands = Group("scoring")


@verb(
    root_commands,
    Pipelines.evaluate_version,
    name="evaluate",
    writes=True,
    example="pilothouse evaluate churn 3 customers@4 --label churned",
    own_help=True,
)
@click.argument("model")
@click.argument("version", type=int)
@click.argument("dataset")
@click.option("--label", default="", help="The column with what was observed; the target's.")
def _evaluate(ws: Workspace, model: str, version: int, dataset: str, label: str) -> Output:
    """Measure VERSION of MODEL on the labelled rows of DATASET, as a job for the worker.

    Its metrics, evaluation documents and rows become a run, and evidence for the gates.
    """
    job = ws.pipelines.evaluate_version(model, version, dataset, label)
    text = f"job {job}: a running worker evaluates {model}@{version}"
    return Output({"job": job}, text)


evaluate = root_commands.commands["evaluate"]
