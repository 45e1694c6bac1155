"""`pilothouse recipes`: people's own training code, run as jobs for the worker."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import PAIR, scalars
from pilothouse.cli.output import Output, text_of
from pilothouse.pipelines.recipes.commands import FORMATS
from pilothouse.pipelines.recipes.recipes import Recipes

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.pipelines.recipes.info import RecipeInfo
    from pilothouse.workspace import Workspace

recipes = Group(
    "recipes",
    help="Training code of your own: a folder or a Git commit, its parameters and environment.",
)
name_argument = click.argument("name")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@verb(
    recipes,
    Recipes.register,
    name="add",
    writes=True,
    make=True,
    example=(
        "pilothouse recipes add churn ./training --entry-point train.py --dataset-parameter data",
        "pilothouse recipes add churn ~/code/churn --commit v1.4 --model churn",
    ),
    own_help=True,
)
@name_argument
@click.argument("folder", type=FOLDER)
@click.option("--commit", default="", help="A commit, tag or branch of the folder's repository.")
@click.option(
    "--entry-point",
    default="main",
    show_default=True,
    help="One of the MLproject file, or a Python file such as train.py.",
)
@click.option("--dataset-parameter", default="", help="Takes the path of a dataset's file.")
@click.option("--dataset-format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--model", default="", help="The model that its runs make versions of.")
@click.option("--experiment", default="", help="The experiment of its runs; default its name.")
@click.option("--interpreter", default="", metavar="PATH", help="Use this Python as it is.")
@click.option("--note", default="", help="What the recipe is for.")
def _add(ws: Workspace, name: str, folder: Path, commit: str, **settings: Any) -> Output:
    """Copy the training code of FOLDER under NAME; a recipe of that name is replaced.

    Its environment is that of requirements.txt, conda.yaml or python_env.yaml in the folder, and
    Pilothouse's own without them.
    """
    info = ws.recipes.register(name, folder, commit=commit, **settings)
    return Output(_facts(info), f"{info.name}: {info.command}")


@verb(recipes, Recipes.recipes, name="list", example="pilothouse recipes list")
def _list(ws: Workspace) -> pd.DataFrame:
    return ws.recipes.recipes()


@verb(
    recipes,
    Recipes.recipe,
    Recipes.code,
    Recipes.environment,
    name="show",
    example="pilothouse recipes show churn",
    own_help=True,
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    """One recipe: its command, parameters, files and environment."""
    info, environment = ws.recipes.recipe(name), ws.recipes.environment(name)
    state = environment.state if environment else "removed"
    value = _facts(info) | {"files": sorted(ws.recipes.code(name)), "environment_state": state}
    parameters = {p.name: f"{p.type}, default {p.default}" for p in info.parameters}
    text = text_of(value | {"parameters": parameters, "files": ", ".join(value["files"])})
    return Output(value, text)


@verb(
    recipes,
    Recipes.run,
    writes=True,
    example="pilothouse recipes run churn --dataset churn@4 --param rate=0.1",
)
@name_argument
@click.option("--dataset", default="", help="A version such as churn@4; churn is its newest.")
@click.option(
    "--param", "parameters", type=PAIR, multiple=True, metavar="NAME=VALUE", help="Repeatable."
)
def _run(ws: Workspace, name: str, dataset: str, parameters: tuple[tuple[str, str], ...]) -> Output:
    """`pilothouse jobs wait` waits for it."""
    job = ws.recipes.run(name, scalars(parameters), dataset)
    return Output({"job": job}, f"job {job}: a running worker runs {name}")


@verb(recipes, Recipes.runs, example="pilothouse recipes runs churn")
@name_argument
def _runs(ws: Workspace, name: str) -> pd.DataFrame:
    return ws.recipes.runs(name)


@verb(
    recipes,
    Recipes.remove,
    writes=True,
    reason=True,
    example='pilothouse recipes remove churn --reason "moved to another team"',
)
@name_argument
def _remove(ws: Workspace, name: str, reason: str) -> Output:
    ws.recipes.remove(name, reason)
    return Output({"recipe": name}, f"{name} is removed")


def _facts(info: RecipeInfo) -> dict[str, Any]:
    return asdict(info) | {"environment": info.environment.to_json()}
