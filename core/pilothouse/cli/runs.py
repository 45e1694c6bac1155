"""`pilothouse runs`: list, read and annotate runs, and write what a training logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.compare import add_comparisons
from pilothouse.cli.options import FILE, NEW_FILE, PAIR
from pilothouse.cli.output import Output, text_of
from pilothouse.experiments.api import Experiments

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.experiments import RunFilter
    from pilothouse.experiments.details import RunInfo
    from pilothouse.workspace import Workspace

runs = Group("runs", help="Runs of experiments: tables, details, comparisons and annotations.")
PAGE = 1_000
run_argument = click.argument("run")
runs_argument = click.argument("runs", nargs=-1, required=True)
filter_option = click.option(
    "--filter", "query", default="", help='Such as "metrics.auc > 0.8 and forest"; docs/search.md.'
)
experiment_option = click.option("--experiment", default=None, help="Of this experiment only.")


@verb(
    runs,
    Experiments.runs,
    name="list",
    own_help=True,
    example=(
        "pilothouse runs list --filter 'metrics.accuracy > 0.8'",
        "pilothouse runs list --experiment flights --sort metrics.accuracy --limit 5 --json",
    ),
)
@filter_option
@experiment_option
@click.option("--archived", is_flag=True, help="Archived runs instead.")
@click.option("--sort", default="created", show_default=True, help="A column such as metrics.auc.")
@click.option("--ascending", is_flag=True, help="Smallest or oldest first.")
@click.option("--limit", type=click.IntRange(1), default=None, help="At most so many.")
def _list(
    ws: Workspace,
    query: str,
    experiment: str | None,
    archived: bool,
    sort: str,
    ascending: bool,
    limit: int | None,
) -> pd.DataFrame:
    """Every run that the filter matches, newest first; docs/search.md has its language."""
    filter = _filter(query, experiment, archived=archived)
    return _pages(ws, filter, sort, descending=not ascending, limit=limit)


def _filter(query: str, experiment: str | None, *, archived: bool = False) -> RunFilter:
    from pilothouse.experiments import RunFilter

    return RunFilter(query=query, experiment=experiment, archived=archived)


def _pages(
    ws: Workspace, filter: RunFilter, sort: str, *, descending: bool, limit: int | None
) -> pd.DataFrame:
    import pandas as pd

    count = ws.experiments.count(filter)
    count = count if limit is None else min(count, limit)
    pages = range(1, 2 + (count - 1) // PAGE)
    frames = [ws.experiments.runs(filter, sort, descending, page, PAGE) for page in pages]
    if not frames:
        return ws.experiments.runs(filter, size=PAGE)
    return (
        pd.concat(frames, ignore_index=True).head(count) if len(frames) > 1 else frames[0][:count]
    )


@verb(runs, Experiments.count, example="pilothouse runs count --filter 'status = failed'")
@filter_option
@experiment_option
def _count(ws: Workspace, query: str, experiment: str | None) -> Output:
    count = ws.experiments.count(_filter(query, experiment))
    return Output({"runs": count}, f"{count:,}")


@verb(
    runs,
    Experiments.run,
    name="show",
    example="pilothouse runs show 0123456789abcdef0123456789abcdef",
    own_help=True,
)
@run_argument
def _show(ws: Workspace, run: str) -> Output:
    """A RUN in full: parameters, metrics, tags, files, inputs and children.

    RUN is its id, as `pilothouse runs list` shows it.
    """
    info = ws.experiments.run(run)
    return Output(info, _run_text(info))


def _run_text(info: RunInfo) -> str:
    parts = ("params", "metrics", "tags", "artifacts", "inputs", "logged_inputs", "children")
    about = {name: value for name, value in vars(info).items() if name not in parts}
    lines = [text_of(about)]
    lines += [f"params.{key}: {value}" for key, value in info.params.items()]
    lines += [f"metrics.{key}: {value:.6g}" for key, value in info.values.items()]
    lines += [f"tags.{key}: {value}" for key, value in info.tags.items()]
    lines += [f"file: {file.path} ({file.size:,} bytes)" for file in info.artifacts]
    lines += [f"{input.role}: {input.dataset}" for input in info.inputs]
    lines += [f"child: {child.id} {child.name} ({child.status})" for child in info.children]
    return "\n".join(lines)


@verb(
    runs,
    Experiments.history,
    name="metrics",
    example="pilothouse runs metrics RUN --key loss --json",
)
@runs_argument
@click.option("--key", "keys", multiple=True, help="Only this metric; repeatable.")
@click.option("--max-points", type=click.IntRange(2), default=None, help="Thin longer histories.")
def _metrics(
    ws: Workspace, runs: tuple[str, ...], keys: tuple[str, ...], max_points: int | None
) -> pd.DataFrame:
    for run in runs:
        ws.experiments.run(run)
    return ws.experiments.history(runs, list(keys) or None, max_points)


@verb(runs, name="files", example="pilothouse runs files RUN")
@run_argument
def _files(ws: Workspace, run: str) -> pd.DataFrame:
    """The files of a RUN, or of a logged model by its id, with their sizes in bytes."""
    import pandas as pd

    rows = [(file.path, file.size, file.digest) for file in ws.experiments.files.list_files(run)]
    return pd.DataFrame(rows, columns=["path", "size", "digest"])


@verb(
    runs,
    Experiments.artifact_file,
    Experiments.artifact,
    name="download",
    example="pilothouse runs download RUN report.html ./report.html",
    own_help=True,
)
@run_argument
@click.argument("path")
@click.argument("file", type=NEW_FILE)
def _download(ws: Workspace, run: str, path: str, file: Path) -> Output:
    """Write a file of a RUN, by its PATH there, to a FILE of this machine."""
    content = ws.experiments.artifact(run, path)
    file.write_bytes(content)
    return Output({"file": str(file), "bytes": len(content)}, f"{len(content):,} bytes in {file}")


@verb(runs, Experiments.ancestors, example="pilothouse runs ancestors RUN")
@run_argument
def _ancestors(ws: Workspace, run: str) -> list[Any]:
    ws.experiments.run(run)
    return list(ws.experiments.ancestors(run))


@verb(
    runs, Experiments.descendants, Experiments.children, example="pilothouse runs descendants RUN"
)
@run_argument
def _descendants(ws: Workspace, run: str) -> pd.DataFrame:
    ws.experiments.run(run)
    return ws.experiments.descendants(run)


@verb(runs, Experiments.logged_models, example="pilothouse runs logged-models RUN")
@run_argument
def _logged_models(ws: Workspace, run: str) -> list[Any]:
    ws.experiments.run(run)
    return list(ws.experiments.logged_models(run))


@verb(runs, Experiments.logged_model, example="pilothouse runs logged-model m-0123456789abcdef")
@click.argument("id")
def _logged_model(ws: Workspace, id: str) -> Any:
    return ws.experiments.logged_model(id)


@verb(runs, Experiments.sources, example="pilothouse runs sources RUN")
@run_argument
def _sources(ws: Workspace, run: str) -> list[Any]:
    ws.experiments.run(run)
    return list(ws.experiments.sources(run))


@verb(
    runs,
    Experiments.groups,
    Experiments.group_count,
    example="pilothouse runs groups --by params.max_depth --column metrics.accuracy",
    own_help=True,
)
@click.option("--by", multiple=True, required=True, help="A column to group by; repeatable.")
@click.option("--column", "columns", multiple=True, help="A metric to average; repeatable.")
@filter_option
@experiment_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
def _groups(
    ws: Workspace,
    by: tuple[str, ...],
    columns: tuple[str, ...],
    query: str,
    experiment: str | None,
    limit: int,
) -> pd.DataFrame:
    """Groups of runs with equal values, and the mean of metrics in each with its 95 % interval."""
    return ws.experiments.groups(_filter(query, experiment), by, columns, size=limit)


@verb(
    runs,
    Experiments.archive_many,
    Experiments.archive,
    name="archive",
    writes=True,
    reason=True,
    example='pilothouse runs archive RUN RUN --reason "a wrong learning rate"',
)
@runs_argument
def _archive(ws: Workspace, runs: tuple[str, ...], reason: str) -> Output:
    count = ws.experiments.archive_many(runs, reason)
    return Output({"archived": count}, f"{count:,} archived")


@verb(
    runs,
    Experiments.restore_many,
    Experiments.restore,
    name="restore",
    writes=True,
    example="pilothouse runs restore RUN",
)
@runs_argument
def _restore(ws: Workspace, runs: tuple[str, ...]) -> Output:
    count = ws.experiments.restore_many(runs)
    return Output({"restored": count}, f"{count:,} restored")


@verb(
    runs,
    Experiments.delete,
    writes=True,
    reason=True,
    example='pilothouse runs delete RUN --reason "test data"',
)
@runs_argument
def _delete(ws: Workspace, runs: tuple[str, ...], reason: str) -> Output:
    count = ws.experiments.delete(runs, reason)
    return Output({"deleted": count}, f"{count:,} deleted")


@verb(
    runs,
    Experiments.tag_many,
    Experiments.tag,
    Experiments.untag,
    name="tag",
    writes=True,
    example="pilothouse runs tag RUN --set team=blue --remove draft",
)
@runs_argument
@click.option("--set", "tags", type=PAIR, multiple=True, help="A tag; repeatable.")
@click.option("--remove", multiple=True, metavar="NAME", help="A tag to take off; repeatable.")
def _tag(
    ws: Workspace,
    runs: tuple[str, ...],
    tags: tuple[tuple[str, str], ...],
    remove: tuple[str, ...],
) -> Output:
    count = ws.experiments.tag_many(runs, dict(tags), remove)
    return Output({"runs": count}, f"{count:,} tagged")


@verb(runs, Experiments.rename, writes=True, example='pilothouse runs rename RUN "wide forest"')
@run_argument
@click.argument("name")
def _rename(ws: Workspace, run: str, name: str) -> Output:
    ws.experiments.rename(run, name)
    return Output({"run": run, "name": name}, f"{run} is named {name}")


@verb(
    runs,
    Experiments.annotate,
    writes=True,
    example='pilothouse runs annotate RUN "trained on the corrected labels"',
)
@run_argument
@click.argument("note")
def _annotate(ws: Workspace, run: str, note: str) -> Output:
    ws.experiments.annotate(run, note)
    return Output({"run": run, "note": note}, f"{run} has the note")


@verb(runs, Experiments.star, writes=True, example="pilothouse runs star RUN")
@runs_argument
@click.option("--off", is_flag=True, help="Take the star off.")
def _star(ws: Workspace, runs: tuple[str, ...], off: bool) -> Output:
    count = ws.experiments.star(runs, not off)
    return Output({"runs": count}, f"{count:,} {'without a star' if off else 'starred'}")


@verb(runs, Experiments.colour, writes=True, example="pilothouse runs colour RUN --colour blue")
@runs_argument
@click.option("--colour", default=None, help="A colour; none takes it off.")
def _colour(ws: Workspace, runs: tuple[str, ...], colour: str | None) -> Output:
    count = ws.experiments.colour(runs, colour)
    return Output({"runs": count, "colour": colour}, f"{count:,} {colour or 'without a colour'}")


@verb(
    runs,
    Experiments.start,
    writes=True,
    make=True,
    example="pilothouse runs start churn --name first",
)
@click.argument("experiment")
@click.option("--name", default=None, help="A name; one is made up without.")
@click.option("--trainer", default=None, help="What trains, such as xgboost.")
@click.option("--parent", default=None, help="The run it belongs to.")
@click.option("--seed", type=int, default=None, help="Of its random numbers.")
@click.option("--source", default="", help="The program that trains.")
def _start(ws: Workspace, experiment: str, **about: Any) -> Output:
    """For scripts that log with `pilothouse runs log-metrics` and end with `runs finish`."""
    run = ws.experiments.start(experiment, **about)
    return Output({"run": run}, run)


@verb(runs, Experiments.finish, writes=True, example="pilothouse runs finish RUN --status failed")
@run_argument
@click.option(
    "--status",
    type=click.Choice(["finished", "failed", "cancelled"]),
    default="finished",
    show_default=True,
)
@click.option("--error", default="", help="Why it failed.")
def _finish(ws: Workspace, run: str, status: str, error: str) -> Output:
    ws.experiments.finish(run, status, error)
    return Output({"run": run, "status": status}, f"{run} is {status}")


@verb(
    runs,
    Experiments.log_metrics,
    Experiments.log_history,
    writes=True,
    example="pilothouse runs log-metrics RUN loss=0.31 auc=0.84 --step 3",
    own_help=True,
)
@run_argument
@click.argument("metrics", type=PAIR, nargs=-1, required=True)
@click.option("--step", type=int, default=0, show_default=True)
def _log_metrics(
    ws: Workspace, run: str, metrics: tuple[tuple[str, str], ...], step: int
) -> Output:
    """Append one point to the history of each metric, given as KEY=NUMBER."""
    values = {key: _number(key, text) for key, text in metrics}
    ws.experiments.log_metrics(run, values, step)
    return Output(values, f"{len(values):,} logged")


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a number.", param_hint=key) from error


@verb(
    runs,
    Experiments.log_params,
    Experiments.log_batch,
    writes=True,
    example="pilothouse runs log-params RUN max_depth=6 kind=forest",
)
@run_argument
@click.argument("params", type=PAIR, nargs=-1, required=True)
def _log_params(ws: Workspace, run: str, params: tuple[tuple[str, str], ...]) -> Output:
    ws.experiments.log_params(run, dict(params))
    return Output(dict(params), f"{len(params):,} logged")


@verb(
    runs,
    Experiments.log_file,
    Experiments.log_artifact,
    writes=True,
    example="pilothouse runs log-file RUN plots/roc.png ./roc.png",
)
@run_argument
@click.argument("path")
@click.argument("file", type=FILE)
def _log_file(ws: Workspace, run: str, path: str, file: Path) -> Output:
    ws.experiments.log_file(run, path, file)
    return Output({"run": run, "path": path}, f"{path} is a file of {run}")


@verb(
    runs,
    Experiments.log_input,
    writes=True,
    example="pilothouse runs log-input RUN churn@2 --role training",
)
@run_argument
@click.argument("dataset")
@click.option("--role", default="training", show_default=True)
def _log_input(ws: Workspace, run: str, dataset: str, role: str) -> Output:
    ws.experiments.log_input(run, dataset, role)
    return Output({"run": run, "dataset": dataset, "role": role}, f"{run} has read {dataset}")


add_comparisons(runs)
