"""`pilothouse evaluate` and `predict`: a model version on the rows of a dataset version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.jobs import spread_option, wait_for
from pilothouse.cli.output import Output, text_of
from pilothouse.pipelines.api import Pipelines

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

root_commands = Group("scoring")


@verb(
    root_commands,
    Pipelines.evaluate_version,
    name="evaluate",
    writes=True,
    example=(
        "pilothouse evaluate churn 3 customers@4 --label churned",
        "pilothouse evaluate churn 3 customers --wait --json",
    ),
    own_help=True,
)
@click.argument("model")
@click.argument("version", type=int)
@click.argument("dataset")
@click.option("--label", default="", help="The column with what was observed; the target's.")
@click.option("--wait", is_flag=True, help="Wait until a worker has measured it.")
def _evaluate(
    ws: Workspace, model: str, version: int, dataset: str, label: str, wait: bool
) -> Output:
    """Measure VERSION of MODEL on the labelled rows of DATASET, as a job for the worker.

    Its metrics, evaluation documents and rows become a run, and evidence for the gates.
    """
    job = ws.pipelines.evaluate_version(model, version, dataset, label)
    if wait:
        result = wait_for(ws, job).result or {}
        return Output({"job": job, **result}, f"job {job}\n{text_of(result)}".strip())
    text = f"job {job}: a running worker evaluates {model}@{version}"
    return Output({"job": job}, text)


@verb(
    root_commands,
    Pipelines.predict_dataset,
    name="predict",
    writes=True,
    example=(
        "pilothouse predict churn 3 customers",
        "pilothouse predict churn 3 customers@4 --to churn-scores --column customer_id",
    ),
    own_help=True,
)
@click.argument("model")
@click.argument("version", type=int)
@click.argument("dataset")
@click.option("--to", "name", default="", help="The dataset of the answers; DATASET-predictions.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    help="A column to carry over; repeatable. All that are no inputs.",
)
@spread_option
def _predict(
    ws: Workspace,
    model: str,
    version: int,
    dataset: str,
    name: str,
    columns: tuple[str, ...],
    spread: str,
) -> Output:
    """Answer every row of DATASET with VERSION of MODEL, as a job for the worker.

    The answers become a version of a dataset, beside the ids of the rows.
    """
    job = ws.pipelines.predict_dataset(
        model, version, dataset, name=name, columns=list(columns) or None, spread=spread
    )
    return Output({"job": job}, f"job {job}: a running worker predicts {dataset}")


predict = root_commands.commands["predict"]
evaluate = root_commands.commands["evaluate"]
