"""`pilothouse runs compare` and what else holds runs against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.output import Output, text_of
from pilothouse.comparison.api import Comparisons

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.comparison.comparison import Comparison
    from pilothouse.comparison.verdict import ComparisonVerdict
    from pilothouse.workspace import Workspace

runs_argument = click.argument("runs", nargs=-1, required=True)
baseline_option = click.option("--baseline", default=None, help="A run  [default: the first].")


def add_comparisons(group: Group) -> None:
    """Give the group of runs the verbs that hold runs against each other."""
    for command in comparisons.commands.values():
        group.add_command(command)


comparisons = Group("comparisons")


@verb(
    comparisons,
    Comparisons.compare,
    Comparisons.significance,
    Comparisons.metrics_with_verdicts,
    Comparisons.verdict,
    name="compare",
    example=(
        "pilothouse runs compare RUN RUN",
        "pilothouse runs compare RUN RUN --baseline RUN --metric accuracy --json",
    ),
)
@runs_argument
@baseline_option
@click.option("--metric", default="", help="Which run is best by it  [default: what they fit].")
def _compare(ws: Workspace, runs: tuple[str, ...], baseline: str | None, metric: str) -> Output:
    """It says which run is best, whether that is more than noise, and what differs."""
    comparison = ws.comparison.compare(runs, baseline, include_curves=False)
    evidence = ws.comparison.significance(comparison)
    metrics = ws.comparison.metrics_with_verdicts(comparison, evidence)
    verdict = ws.comparison.verdict(comparison, evidence, metric, rows=metrics)

    value = {
        "baseline": comparison.baseline,
        "runs": comparison.labels,
        "verdict": verdict,
        "metrics": metrics,
        "params": comparison.params,
        "facts": comparison.facts,
        "findings": evidence.findings,
        "notes": comparison.notes,
    }
    return Output(value, _text(comparison, verdict))


def _text(comparison: Comparison, verdict: ComparisonVerdict | None) -> str:
    parts = [verdict.sentence, *verdict.cautions] if verdict else []
    table = comparison.table.drop(columns=["title", "direction", "format"])
    parts.append(text_of(table.rename(columns=comparison.labels)))
    differing = comparison.params[comparison.params["differs"]].drop(columns="differs")
    if len(differing):
        parts.append(text_of(differing.rename(columns=comparison.labels)))
    parts += [note.message for note in comparison.notes]
    return "\n\n".join(parts)


@verb(comparisons, Comparisons.code_diff, example="pilothouse runs code-diff RUN BASELINE")
@click.argument("run")
@click.argument("baseline")
def _code_diff(ws: Workspace, run: str, baseline: str) -> Output:
    diff = ws.comparison.code_diff(run, baseline)
    parts = [diff.message, diff.committed]
    if len(diff.uncommitted):
        parts.append(text_of(diff.uncommitted))
    return Output(diff, "\n".join(part for part in parts if part))


@verb(
    comparisons,
    Comparisons.at_threshold,
    Comparisons.own_threshold,
    Comparisons.with_threshold,
    example="pilothouse runs at-threshold RUN RUN --threshold 0.3 --false-negative-cost 5",
)
@runs_argument
@click.option("--threshold", type=float, default=None, help="  [default: the baseline's own].")
@click.option("--false-positive-cost", type=float, default=1.0, show_default=True)
@click.option("--false-negative-cost", type=float, default=1.0, show_default=True)
@baseline_option
def _at_threshold(
    ws: Workspace, runs: tuple[str, ...], threshold: float | None, **choices: Any
) -> Output:
    """For each run: the confusion matrix, its rates and its cost."""
    report = ws.comparison.at_threshold(runs, threshold, **choices)
    value = {"threshold": report.threshold, "runs": report.points}
    return Output(value, f"threshold {report.threshold:g}\n{text_of(report.points)}")


@verb(
    comparisons,
    Comparisons.disagreements,
    example="pilothouse runs disagreements RUN RUN --threshold 0.5",
)
@runs_argument
@click.option("--threshold", type=float, default=None, help="  [default: each run's own].")
@baseline_option
def _disagreements(
    ws: Workspace, runs: tuple[str, ...], threshold: float | None, baseline: str | None
) -> pd.DataFrame:
    return ws.comparison.disagreements(runs, threshold, baseline)


@verb(
    comparisons,
    Comparisons.disagreeing_rows,
    example="pilothouse runs disagreeing-rows RUN BASELINE --limit 20",
)
@click.argument("run")
@click.argument("baseline")
@click.option("--threshold", type=float, default=None, help="  [default: each run's own].")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
def _disagreeing_rows(
    ws: Workspace, run: str, baseline: str, threshold: float | None, limit: int
) -> pd.DataFrame:
    return ws.comparison.disagreeing_rows(run, baseline, threshold).head(limit)


@verb(
    comparisons,
    Comparisons.slices,
    Comparisons.slice_columns,
    Comparisons.slice_metrics,
    example="pilothouse runs slices RUN --metric accuracy --column carrier",
)
@runs_argument
@click.option("--metric", default="", help="  [default: the first of the baseline's task].")
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@click.option("--threshold", type=float, default=None, help="  [default: the baseline's own].")
@click.option("--min-rows", type=click.IntRange(1), default=50, show_default=True)
@baseline_option
def _slices(
    ws: Workspace, runs: tuple[str, ...], metric: str, columns: tuple[str, ...], **choices: Any
) -> pd.DataFrame:
    slices = ws.comparison.slices(runs, metric, columns=list(columns) or None, **choices)
    return slices.frame


@verb(
    comparisons,
    Comparisons.param_importance,
    example="pilothouse runs param-importance accuracy --filter 'trainer = random_forest'",
)
@click.argument("metric")
@click.option("--filter", "query", default="", help="Only these runs; docs/search.md.")
@click.option("--experiment", default=None, help="Of this experiment only.")
def _param_importance(ws: Workspace, metric: str, query: str, experiment: str | None) -> Output:
    from pilothouse.experiments import RunFilter

    importance = ws.comparison.param_importance(
        metric, RunFilter(query=query, experiment=experiment)
    )
    text = importance.message if importance.message else text_of(importance.frame)
    return Output(importance, text)
