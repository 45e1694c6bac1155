"""`pilothouse train` and `pilothouse trainers`: models trained on dataset versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import PAIR, scalars
from pilothouse.cli.output import Output
from pilothouse.training.api import Training

if TYPE_CHECKING:
    from pilothouse.workspace import Workspace

trainers = Group("trainers", help="The kinds of model that can be trained.")
root_commands = Group("training")


@verb(trainers, Training.trainers, name="list", example="pilothouse trainers list")
def _list(ws: Workspace) -> Output:
    rows = ws.training.trainers()
    return Output(rows, "\n".join(f"{trainer.name}: {trainer.title}" for trainer in rows))


@verb(trainers, name="show", example="pilothouse trainers show random_forest")
@click.argument("trainer")
def _show(ws: Workspace, trainer: str) -> Any:
    """One trainer with its hyperparameters."""
    from pilothouse.training.trainers import trainers as plugins

    plugins.get(trainer)
    return next(info for info in ws.training.trainers() if info.name == trainer)


@verb(
    root_commands,
    Training.submit,
    Training.preview,
    Training.train_now,
    Training.describe_target,
    Training.column_uses,
    name="train",
    writes=True,
    example=(
        "pilothouse train churn churned --trainer random_forest --trials 10",
        "pilothouse train churn@2 churned --positive yes --split time --dry-run",
    ),
    own_help=True,
)
@click.argument("dataset")
@click.argument("target")
@click.option("--trainer", default="hist_gradient_boosting", show_default=True)
@click.option(
    "--positive", default=None, help="The class whose probability is predicted; the rarer one."
)
@click.option(
    "--feature", "features", multiple=True, help="A column to use, again for more; all usable."
)
@click.option(
    "--split",
    default="auto",
    show_default=True,
    help="random, stratified, time, or auto: by time where the data has an event time.",
)
@click.option("--time-column", default=None, help="The column that orders a split by time.")
@click.option("--test-share", type=float, default=0.2, show_default=True, help="Rows held out.")
@click.option("--param", "params", type=PAIR, multiple=True, help="A hyperparameter; repeatable.")
@click.option("--folds", type=int, default=3, show_default=True, help="Of cross-validation.")
@click.option("--trials", default=0, show_default=True, help="Trials of the search; 0 for none.")
@click.option("--metric", default=None, help="What ranks models; the task's primary metric.")
@click.option("--task", default=None, help="What is predicted; what the target suggests.")
@click.option(
    "--level", "levels", type=float, multiple=True, help="A quantile level; again for more."
)
@click.option("--unit", default="", help="The unit of a number that is predicted.")
@click.option("--class-weight", default="none", show_default=True, help="none or balanced.")
@click.option("--groups", default=None, help="A column whose rows of a value stay on one side.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threshold", type=float, default=None, help="  [default: Youden's index].")
@click.option("--experiment", default="default", show_default=True)
@click.option("--name", default="", help="The name of the run.")
@click.option("--note", default="", help="What is tried.")
@click.option("--tag", "tags", type=PAIR, multiple=True, help="A tag of the run; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only print what it would do.")
@click.option("--now", is_flag=True, help="Train in this process, without a worker.")
def _train(
    ws: Workspace,
    dry_run: bool,
    now: bool,
    params: tuple[tuple[str, str], ...],
    tags: tuple[tuple[str, str], ...],
    **choices: Any,
) -> Output:
    """Train a model on DATASET (name@version) to predict TARGET, as a job for the worker.

    Before the job is made, what it will do is printed: task, split, and each column left out.
    """
    from pilothouse.training import TrainingSpec

    spec = TrainingSpec(params=scalars(params), tags=dict(tags), **choices)
    lines = list(ws.training.preview(spec).lines)
    value: dict[str, Any] = {"plan": lines}
    if dry_run:
        return Output(value, "\n".join(lines))
    if now:
        value["run"] = ws.training.train_now(spec)
        return Output(value, "\n".join([*lines, f"run {value['run']}"]))
    value["job"] = ws.training.submit(spec)
    last = f"job {value['job']}: a running worker trains it; see `pilothouse jobs list`"
    return Output(value, "\n".join([*lines, last]))


train = root_commands.commands["train"]
