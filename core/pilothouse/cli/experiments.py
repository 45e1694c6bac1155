"""`pilothouse experiments`: experiments, their metrics and the saved views of their run table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import PAIR
from pilothouse.cli.output import Output
from pilothouse.experiments.api import Experiments
from pilothouse.kit.errors import NotFound

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

experiments = Group("experiments", help="Experiments, their metrics and saved views.")
experiment_option = click.option("--experiment", default=None, help="Of this experiment only.")


@verb(
    experiments,
    Experiments.experiments,
    name="list",
    example="pilothouse experiments list --json",
    own_help=True,
)
def _list(ws: Workspace) -> pd.DataFrame:
    """Every experiment with its number of runs."""
    return ws.experiments.experiments()


@verb(experiments, name="show", example="pilothouse experiments show flights")
@click.argument("name")
def _show(ws: Workspace, name: str) -> dict[str, Any]:
    """One experiment: its note, its runs and when it was made."""
    frame = ws.experiments.experiments()
    rows = frame[frame["name"] == name].to_dict("records")
    if not rows:
        raise NotFound(
            f"there is no experiment {name!r}.", hint="See `pilothouse experiments list`."
        )
    return {str(column): value for column, value in rows[0].items()}


@verb(experiments, Experiments.tree, example="pilothouse experiments tree")
def _tree(ws: Workspace) -> Output:
    nodes = ws.experiments.tree()
    return Output(nodes, "\n".join(str(node.path) for node in nodes) or "Nothing here yet.")


@verb(
    experiments,
    Experiments.create,
    writes=True,
    make=True,
    example='pilothouse experiments create churn --note "customers who leave"',
)
@click.argument("name")
@click.option("--note", default="", help="What it is about.")
def _create(ws: Workspace, name: str, note: str) -> Output:
    created = ws.experiments.create(name, note)
    return Output({"name": created}, f"{created} is created")


@verb(
    experiments,
    Experiments.metric_keys,
    name="metrics",
    example="pilothouse experiments metrics --experiment flights",
)
@experiment_option
def _metrics(ws: Workspace, experiment: str | None) -> list[str]:
    return ws.experiments.metric_keys(experiment)


@verb(
    experiments,
    Experiments.param_keys,
    name="params",
    example="pilothouse experiments params --experiment flights",
)
@experiment_option
def _params(ws: Workspace, experiment: str | None) -> list[str]:
    return ws.experiments.param_keys(experiment)


@verb(experiments, Experiments.tag_keys, name="tags", example="pilothouse experiments tags")
@experiment_option
def _tags(ws: Workspace, experiment: str | None) -> list[str]:
    return ws.experiments.tag_keys(experiment)


@verb(
    experiments,
    Experiments.query_fields,
    name="fields",
    example="pilothouse experiments fields --json",
)
@experiment_option
def _fields(ws: Workspace, experiment: str | None) -> Output:
    """Use them in `pilothouse runs list --filter`."""
    fields = ws.experiments.query_fields(experiment)
    return Output(fields, "\n".join(field.name for field in fields))


@verb(experiments, Experiments.facets, example="pilothouse experiments facets")
def _facets(ws: Workspace) -> dict[str, list[str]]:
    return ws.experiments.facets()


@verb(
    experiments,
    Experiments.describe_metric,
    writes=True,
    reason=True,
    example="pilothouse experiments describe-metric val_loss --direction lower --target 0.2",
)
@click.argument("key")
@click.option("--title", default=None, help="How it is called on screens.")
@click.option(
    "--direction",
    type=click.Choice(["higher", "lower", "unknown"]),
    default=None,
    help="Which values are better.",
)
@click.option("--unit", default="", help="Such as ms.")
@click.option("--format", "format", default=None, help="As Python formats it, such as .3f.")
@click.option("--target", type=float, default=None, help="The value to reach.")
@click.option("--tolerance", type=float, default=None, help="Differences below it do not matter.")
def _describe_metric(ws: Workspace, key: str, **description: Any) -> Output:
    ws.experiments.describe_metric(key, **description)
    return Output(ws.experiments.metric_kinds().of(key), f"{key} is described")


@verb(experiments, Experiments.views, example="pilothouse experiments views")
def _views(ws: Workspace) -> Output:
    views = ws.experiments.views()
    lines = (f"{view.id}  {view.name}  ({view.owner})" for view in views)
    return Output(views, "\n".join(lines) or "Nothing here yet.")


@verb(
    experiments,
    Experiments.save_view,
    writes=True,
    example='pilothouse experiments save-view good --state runs_filter="metrics.auc > 0.8"',
)
@click.argument("name")
@click.option("--state", type=PAIR, multiple=True, help="A part of the page's address; repeatable.")
@click.option("--team", is_flag=True, help="For everybody.")
def _save_view(ws: Workspace, name: str, state: tuple[tuple[str, str], ...], team: bool) -> Output:
    view = ws.experiments.save_view(name, dict(state), team=team)
    return Output(view, f"view {view.id} is saved as {view.name}")


@verb(
    experiments,
    Experiments.rename_view,
    writes=True,
    example="pilothouse experiments rename-view 3 best",
)
@click.argument("view", type=int)
@click.argument("name")
def _rename_view(ws: Workspace, view: int, name: str) -> Output:
    return Output(ws.experiments.rename_view(view, name), f"view {view} is named {name}")


@verb(
    experiments,
    Experiments.delete_view,
    writes=True,
    example="pilothouse experiments delete-view 3",
)
@click.argument("view", type=int)
def _delete_view(ws: Workspace, view: int) -> Output:
    ws.experiments.delete_view(view)
    return Output({"view": view}, f"view {view} is deleted")


@verb(
    experiments,
    Experiments.set_default_view,
    writes=True,
    example="pilothouse experiments set-default-view 3",
)
@click.argument("view", type=int)
@click.option("--unset", is_flag=True, help="Start with none.")
def _set_default_view(ws: Workspace, view: int, unset: bool) -> Output:
    ws.experiments.set_default_view(view, not unset)
    state = "is no longer" if unset else "is"
    return Output({"view": view, "default": not unset}, f"view {view} {state} the default")
