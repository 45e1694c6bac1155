"""`pilothouse train` and `pilothouse trainers`: models trained on dataset versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.jobs import spread_option
from pilothouse.cli.options import PAIR, scalars
from pilothouse.cli.output import Output
from pilothouse.training.api import Training

if TYPE_CHECKING:
    from pilothouse.training.spec import TrainingSpec
    from pilothouse.workspace import Workspace

trainers = Group("trainers", help="The kinds of model that can be trained.")
root_commands = Group("training")


@verb(
    trainers,
    Training.trainers,
    Training.missing_trainers,
    name="list",
    example="pilothouse trainers list",
)
def _list(ws: Workspace) -> Output:
    installed, missing = ws.training.trainers(), ws.training.missing_trainers()
    lines = [f"{trainer.name}: {trainer.title}" for trainer in installed]
    lines += [f"{info.name}: not installed; {info.install}" for info in missing]
    return Output([*installed, *missing], "\n".join(lines))


@verb(trainers, name="show", example="pilothouse trainers show random_forest")
@click.argument("trainer")
def _show(ws: Workspace, trainer: str) -> Any:
    """One trainer with its hyperparameters."""
    from pilothouse.training.trainers import trainers as plugins

    plugins.get(trainer)
    infos = [*ws.training.trainers(), *ws.training.missing_trainers()]
    return next(info for info in infos if info.name == trainer)


@verb(
    root_commands,
    Training.submit,
    Training.preview,
    Training.train_now,
    Training.describe_target,
    Training.column_uses,
    Training.leaks,
    Training.submit_all,
    Training.try_all_now,
    Training.how_measured,
    name="train",
    writes=True,
    example=(
        "pilothouse train churn churned --trainer random_forest --trials 10",
        "pilothouse train churn@2 churned --positive yes --split time --dry-run",
        "pilothouse train churn churned --all --minutes 10",
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
@click.option(
    "--evaluation",
    default="auto",
    show_default=True,
    help="held_out, folds, or auto: by folds where the held-out rows would be too few.",
)
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
@click.option("--all", "try_all", is_flag=True, help="Train every trainer that fits; rank them.")
@click.option(
    "--minutes", type=float, default=30.0, show_default=True, help="With --all, its time limit."
)
@click.option("--dry-run", is_flag=True, help="Only print what it would do.")
@spread_option
@click.option("--now", is_flag=True, help="Train in this process, without a worker.")
def _train(
    ws: Workspace,
    dry_run: bool,
    now: bool,
    try_all: bool,
    minutes: float,
    spread: str,
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
    warnings = ws.training.leaks(spec)
    lines += [
        f"warning: {leak.column} may give the target away: {leak.reason}" for leak in warnings
    ]
    value: dict[str, Any] = {"plan": lines}
    if dry_run:
        return Output(value, "\n".join(lines))
    if now:
        return _train_now(ws, spec, lines, minutes if try_all else None, spread)
    if try_all:
        value["job"] = ws.training.submit_all(spec, minutes=minutes, spread=spread)
    else:
        value["job"] = ws.training.submit(spec, spread=spread)
    last = f"job {value['job']}: a running worker trains it; see `pilothouse jobs list`"
    return Output(value, "\n".join([*lines, last]))


def _train_now(
    ws: Workspace, spec: TrainingSpec, lines: list[str], minutes: float | None, spread: str
) -> Output:
    """Train in this process; with minutes, every trainer within that time."""
    value: dict[str, Any] = {"plan": lines}
    if minutes is None:
        value["run"] = ws.training.train_now(spec, spread=spread)
        measured = ws.training.how_measured(value["run"])
        if measured is not None:
            value["measured"] = measured.to_json()
            lines += filter(None, [f"measured {measured.text}", measured.interval_text])
        return Output(value, "\n".join([*lines, f"run {value['run']}"]))
    board = ws.training.try_all_now(spec, minutes=minutes, spread=spread)
    value["leaderboard"] = board.to_json()
    return Output(value, "\n".join([*lines, *board.lines]))


train = root_commands.commands["train"]
