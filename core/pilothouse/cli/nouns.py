"""Lists and small verbs, a group for each noun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.options import json_option, show, workspace_option
from pilothouse.cli.options import opened as _open

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

    FrameOf = Callable[[Workspace], pd.DataFrame]


def _group(name: str, words: str) -> click.Group:
    return click.Group(name, help=words)


def _listing(group: click.Group, words: str) -> Callable[[FrameOf], FrameOf]:
    """Make a function from a workspace to a frame the group's `list` command."""

    def keep(frame_of: FrameOf) -> FrameOf:
        @group.command("list", help=words)
        @workspace_option
        @json_option
        def listing(workspace: Path | None, as_json: bool) -> None:
            with _open(workspace) as opened:
                show(frame_of(opened), as_json)

        return frame_of

    return keep


runs = _group("runs", "Runs of experiments.")
models = _group("models", "Registered models and their versions.")
deployments = _group("deployments", "What serves.")
alerts = _group("alerts", "What monitoring found.")
attention = _group("attention", "What needs a person.")
jobs = _group("jobs", "Durable work.")
activity = _group("activity", "Who did what, when and why.")
LONG, PAGE = 1_000_000, 1_000
MAX_UNMATCHED = 20


@runs.command("list")
@workspace_option
@json_option
@click.option("--filter", "query", default="", help='Such as "metrics.auc > 0.8 and forest".')
def _runs(workspace: Path | None, as_json: bool, query: str) -> None:
    """Every run that the filter means, newest first; docs/search.md has its language."""
    with _open(workspace) as opened:
        show(_all_runs(opened, query), as_json)


def _all_runs(workspace: Workspace, query: str) -> pd.DataFrame:
    import pandas as pd

    from pilothouse.experiments import RunFilter

    experiments, filter = workspace.experiments, RunFilter(query=query)
    pages = range(1, 2 + (experiments.count(filter) - 1) // PAGE)
    found = [experiments.runs(filter, page=page, size=PAGE) for page in pages]
    if len(found) > 1:
        return pd.concat(found, ignore_index=True)
    return experiments.runs(filter, size=PAGE)


@_listing(models, "Every model with its champion.")
def _models(workspace: Workspace) -> pd.DataFrame:
    return workspace.registry.models()


@_listing(deployments, "Every deployment with its state.")
def _deployments(workspace: Workspace) -> pd.DataFrame:
    return workspace.deployments.deployments()


@_listing(alerts, "Every alert, newest first.")
def _alerts(workspace: Workspace) -> pd.DataFrame:
    return workspace.monitoring.alerts()


@_listing(attention, "What needs a person, newest first.")
def _attention(workspace: Workspace) -> pd.DataFrame:
    return workspace.attention.frame()


@attention.command("dismiss")
@workspace_option
@click.argument("items", nargs=-1, required=True)
@click.option("--reason", default="", help="Written in Activity.")
def dismiss(workspace: Path | None, items: tuple[str, ...], reason: str) -> None:
    """Take ITEMS, by the id that the list shows, off the list until they occur again."""
    with _open(workspace) as opened:
        click.echo(f"{opened.attention.dismiss(items, reason)} dismissed")


@_listing(jobs, "Every job, newest first.")
def _jobs(workspace: Workspace) -> pd.DataFrame:
    return workspace.jobs.jobs(size=LONG)


@_listing(activity, "The log, newest first.")
def _activity(workspace: Workspace) -> pd.DataFrame:
    return workspace.activity.entries(size=LONG)


@click.command()
@workspace_option
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
@click.option("--trials", default=0, show_default=True, help="Trials of the search; 0 for none.")
@click.option("--experiment", default="default", show_default=True)
def train(workspace: Path | None, dataset: str, target: str, **choices: Any) -> None:
    """Train a model on DATASET (name@version) to predict TARGET, as a job for the worker.

    Before the job is made, what it will do is printed: classes, split, and each column left out.
    """
    from pilothouse.training import TrainingSpec

    spec = TrainingSpec(dataset=dataset, target=target, **choices)
    with _open(workspace) as opened:
        lines = opened.training.preview(spec).lines
        job = opened.training.submit(spec)
    click.echo("\n".join(lines))
    click.echo(f"job {job}: a running worker trains it; see `pilothouse jobs list`")


@deployments.command("label")
@workspace_option
@click.argument("deployment")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--id-column", default="", help="The column of prediction ids.")
@click.option("--label-column", default="", help="The column of labels.")
@click.option("--at-column", default="", help="The column of when it came true.")
@click.option("--reason", default="", help="Why, as written in Activity.")
def label(
    workspace: Path | None,
    deployment: str,
    file: Path,
    id_column: str,
    label_column: str,
    at_column: str,
    reason: str,
) -> None:
    """Label predictions of a DEPLOYMENT from a CSV or Parquet FILE of ids and labels."""
    from pilothouse.deployments.label_file import LabelColumns

    with _open(workspace) as opened:
        _, guess = opened.deployments.label_columns(deployment, file)
        columns = LabelColumns(
            id_column or guess.id, label_column or guess.label, at_column or guess.at
        )
        report = opened.deployments.label_from_file(deployment, file, "", columns, reason)
    click.echo(f"{report.accepted:,} labels of {report.rows:,} rows")
    if report.unlabelled:
        click.echo(f"{report.unlabelled:,} rows have no id or no label")
    for word in report.unmatched[:MAX_UNMATCHED]:
        click.echo(f"no prediction has the id {word}")
    if len(report.unmatched) > MAX_UNMATCHED:
        click.echo(f"and {len(report.unmatched) - MAX_UNMATCHED:,} more ids have none")


@jobs.command("cancel")
@workspace_option
@click.argument("job")
def cancel(workspace: Path | None, job: str) -> None:
    """Stop a JOB."""
    with _open(workspace) as opened:
        opened.jobs.cancel(job)


@jobs.command("retry")
@workspace_option
@click.argument("job")
def retry(workspace: Path | None, job: str) -> None:
    """Do a failed JOB again from the step that did not end."""
    with _open(workspace) as opened:
        click.echo(opened.jobs.retry(job))
