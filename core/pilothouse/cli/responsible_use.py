"""`pilothouse explanations`: groups compared, explanations of versions and rows, what-if."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import JSON_VALUE, NEW_FILE, PAIR
from pilothouse.cli.output import Output, text_of
from pilothouse.explanations.api import Explanations
from pilothouse.explanations.group_thresholds import CRITERIA, OBJECTIVES
from pilothouse.explanations.stored_results import KINDS
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    from pilothouse.explanations.fairness import GroupThresholds
    from pilothouse.explanations.row_results import Counterfactual, RowExplanation
    from pilothouse.explanations.stored_results import StoredResult
    from pilothouse.explanations.threshold_effects import FigureInterval
    from pilothouse.workspace import Workspace

Decorated = Callable[..., Any]
explanations = Group(
    "explanations", help="Responsible use: fairness, explanations, what-if, counterfactuals."
)
model_argument = click.argument("model")
version_argument = click.argument("version", type=int)
column_argument = click.argument("column")
output_option = click.option("--output", default="", help="The output to explain: see `inputs`.")


def row_options(command: Decorated) -> Decorated:
    """Where a row is from: --record, or --dataset with --row; --set changes its values."""
    for option in (
        click.option("--record", type=JSON_VALUE, default=None, help="The row as a JSON object."),
        click.option("--dataset", default="", help="A dataset version that has the row."),
        click.option("--row", type=int, default=0, help="Its number there, counted from 0."),
        click.option(
            "--set", "changes", type=PAIR, multiple=True, metavar="NAME=VALUE",
            help="Change a value, as JSON or a text; repeatable.",
        ),
    )[::-1]:  # fmt: skip
        command = option(command)
    return command


@verb(
    explanations,
    Explanations.groups,
    Explanations.group_columns,
    example="pilothouse explanations groups churn 3 gender",
)
@model_argument
@version_argument
@column_argument
def _groups(ws: Workspace, model: str, version: int, column: str) -> Output:
    frame = ws.explanations.groups(model, version, column)
    declared = ws.explanations.group_columns(model, version).get(column, "")
    note = f"{column}: {declared}" if declared else f"{column} is not declared sensitive"
    return Output(frame, f"{text_of(frame.drop(columns='rate'))}\n{note}")


@verb(
    explanations,
    Explanations.group_thresholds,
    Explanations.record_group_thresholds,
    writes=True,
    example=(
        "pilothouse explanations thresholds churn 3 gender --criterion equalised_odds",
        "pilothouse explanations thresholds churn 3 gender --record --output thresholds.json",
    ),
)
@model_argument
@version_argument
@column_argument
@click.option(
    "--criterion", type=click.Choice(list(CRITERIA)), default="demographic_parity",
    show_default=True, help="What is to be alike.",
)  # fmt: skip
@click.option(
    "--tolerance", type=float, default=0.05, show_default=True, help="How far rates may differ."
)
@click.option(
    "--objective", type=click.Choice(list(OBJECTIVES)), default="balanced_accuracy",
    show_default=True, help="What is to be lost least.",
)  # fmt: skip
@click.option("--record", is_flag=True, help="Keep the analysis with the version and its card.")
@click.option("--output", type=NEW_FILE, default=None, help="Write the thresholds as JSON here.")
def _thresholds(
    ws: Workspace,
    model: str,
    version: int,
    column: str,
    criterion: str,
    record: bool,
    output: Path | None,
    **options: Any,
) -> Output:
    command = (
        ws.explanations.record_group_thresholds if record else ws.explanations.group_thresholds
    )
    report = command(model, version, column, criterion, **options)
    value = report.to_json()
    if output is not None:
        output.write_text(json.dumps(value, indent=2, ensure_ascii=False), encoding="utf-8")
    return Output(value, _thresholds_text(report))


def _thresholds_text(report: GroupThresholds) -> str:
    lines = [f"{group}  {value:.4f}" for group, value in report.thresholds.items()]
    lines += [f"{g.group}  {report.own_threshold:.4f}  too small: {g.reason}" for g in report.small]
    gaps = _interval_text(report.gap_before), _interval_text(report.gap_after)
    verdict = "met" if report.is_met else "not met on the rows that chose nothing"
    lines += [f"{CRITERIA[report.criterion]}: {gaps[0]} before, {gaps[1]} after; {verdict}"]
    lines += [f"{c.metric}: {_interval_text(c.before)} before, {_interval_text(c.after)} after, "
              f"difference {_interval_text(c.difference)}" for c in report.metrics]  # fmt: skip
    return "\n".join([*lines, "Nothing of it is applied to what is served."])


def _interval_text(interval: FigureInterval) -> str:
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"


@verb(
    explanations,
    Explanations.counts_at,
    name="counts",
    example="pilothouse explanations counts churn 3 gender --threshold Female=0.4",
)
@model_argument
@version_argument
@column_argument
@click.option(
    "--threshold", "thresholds", type=PAIR, multiple=True, metavar="GROUP=THRESHOLD",
    help="Of a group; repeatable.",
)  # fmt: skip
def _counts(
    ws: Workspace, model: str, version: int, column: str, thresholds: tuple[tuple[str, str], ...]
) -> Output:
    try:
        numbers = {group: float(value) for group, value in thresholds}
    except ValueError as wrong:
        raise Invalid(f"a threshold is a number: {wrong}.") from wrong
    counts = ws.explanations.counts_at(model, version, column, numbers)
    lines = [f"{c.group}  at {c.threshold:.4f}: {c.tp} true and {c.fp} false positives, "
             f"{c.fn} false and {c.tn} true negatives" for c in counts]  # fmt: skip
    return Output([count.to_json() for count in counts], "\n".join(lines))


@verb(
    explanations,
    Explanations.explain,
    name="start",
    writes=True,
    example=(
        "pilothouse explanations start churn 3 permutation_importance --metric f1",
        "pilothouse explanations start churn 3 partial_dependence --column age",
    ),
)
@model_argument
@version_argument
@click.argument("explanation", type=click.Choice(list(KINDS)))
@click.option("--metric", default="", help="Of an importance  [default: the primary one].")
@click.option("--column", "columns", multiple=True, help="Of a dependence; repeatable.")
def _start(
    ws: Workspace, model: str, version: int, explanation: str, metric: str, columns: tuple[str, ...]
) -> Output:
    job = ws.explanations.explain(model, version, explanation, metric=metric, columns=columns)
    return Output({"job": job}, f"job {job}: a running worker computes it")


@verb(
    explanations,
    Explanations.importances,
    Explanations.dependences,
    name="show",
    example="pilothouse explanations show churn 3",
    own_help=True,
)
@model_argument
@version_argument
def _show(ws: Workspace, model: str, version: int) -> Output:
    """The newest permutation importance and partial dependence of a VERSION."""
    importances = ws.explanations.importances(model, version)
    dependences = ws.explanations.dependences(model, version)
    lines = [_stored_text(result) for result in (importances, dependences) if result is not None]
    text = "\n".join(lines) or "Nothing is computed yet: `pilothouse explanations start`."
    return Output({"importances": importances, "dependences": dependences}, text)


def _stored_text(result: StoredResult) -> str:
    lines = [f"{KINDS[result.kind]} on {result.rows}"]
    if result.message:
        return f"{KINDS[result.kind]}: {result.message}"
    for column in result.figures["columns"]:
        if "mean" in column:
            lines.append(f"  {column['column']}  {column['mean']:.4g} ± {column['std']:.2g}")
        else:
            means = next(iter(column["means"].values()))
            lines.append(f"  {column['column']}  {min(means):.4g} to {max(means):.4g}")
    return "\n".join(lines)


@verb(
    explanations,
    Explanations.input_ranges,
    Explanations.outputs,
    name="inputs",
    example="pilothouse explanations inputs churn 3",
    own_help=True,
)
@model_argument
@version_argument
def _inputs(ws: Workspace, model: str, version: int) -> Output:
    """What the inputs of a VERSION have been, and the outputs that can be explained."""
    ranges = ws.explanations.input_ranges(model, version)
    outputs = ws.explanations.outputs(model, version)
    lines = [f"{name}  {_range_text(r)}" for name, r in ranges.items()]
    lines += [f"output {one.name}  {one.title}" for one in outputs]
    return Output({"inputs": ranges, "outputs": outputs}, "\n".join(lines))


def _range_text(limits: Any) -> str:
    if not limits.seen_in:
        return "nothing is known of its values"
    if limits.low is not None:
        return f"{limits.low:g} to {limits.high:g} in {limits.seen_in}"
    return f"{', '.join(map(str, limits.values[:8]))} in {limits.seen_in}"


@verb(
    explanations,
    Explanations.what_if,
    Explanations.dataset_record,
    name="what-if",
    example=(
        "pilothouse explanations what-if churn 3 --dataset customers@4 --row 17 --set tenure=24",
        """pilothouse explanations what-if churn 3 --record '{"tenure": 2, "plan": "basic"}'""",
    ),
)
@model_argument
@version_argument
@row_options
def _what_if(ws: Workspace, model: str, version: int, **chosen: Any) -> Output:
    record, _ = _record(ws, model, version, **chosen)
    answer = ws.explanations.what_if(model, version, record)
    numbers = [f"{name} {value:.4g}" for name, value in answer.outputs.items()
               if type(value) in (int, float)]  # fmt: skip
    return Output(answer, "  ".join([str(answer.prediction), *numbers]))


@verb(
    explanations,
    Explanations.explain_row,
    name="row",
    writes=True,
    example="pilothouse explanations row churn 3 --dataset customers@4 --row 17",
)
@model_argument
@version_argument
@row_options
@output_option
def _row(ws: Workspace, model: str, version: int, output: str, **chosen: Any) -> Output:
    record, source = _record(ws, model, version, **chosen)
    job = ws.explanations.explain_row(model, version, record, output=output, source=source)
    return Output({"job": job}, f"job {job}: a running worker explains it")


@verb(
    explanations,
    Explanations.explain_prediction,
    Explanations.logged_prediction,
    name="prediction",
    writes=True,
    example="pilothouse explanations prediction churn-live PREDICTION_ID",
)
@click.argument("deployment")
@click.argument("prediction_id")
@output_option
def _prediction(ws: Workspace, deployment: str, prediction_id: str, output: str) -> Output:
    job = ws.explanations.explain_prediction(deployment, prediction_id, output=output)
    return Output({"job": job}, f"job {job}: a running worker explains it")


@verb(
    explanations,
    Explanations.find_counterfactual,
    writes=True,
    name="counterfactual",
    example=(
        "pilothouse explanations counterfactual churn 3 --dataset customers@4 --row 17",
        "pilothouse explanations counterfactual price 1 --dataset homes --at-least 300000",
    ),
)
@model_argument
@version_argument
@row_options
@click.option("--column", "columns", multiple=True, help="One that may change; repeatable.")
@click.option("--answer", default=None, help="The class it is to be  [default: any other].")
@click.option("--at-least", type=float, default=None, help="How large a number is to be.")
@click.option("--at-most", type=float, default=None, help="How small a number is to be.")
@output_option
def _counterfactual(
    ws: Workspace,
    model: str,
    version: int,
    columns: tuple[str, ...],
    answer: str | None,
    at_least: float | None,
    at_most: float | None,
    output: str,
    **chosen: Any,
) -> Output:
    record, source = _record(ws, model, version, **chosen)
    goal: dict[str, Any] = {
        "answer": answer,
        "output": output,
        "at_least": at_least,
        "at_most": at_most,
    }
    job = ws.explanations.find_counterfactual(
        model, version, record, columns=columns, source=source, **goal
    )
    return Output({"job": job}, f"job {job}: a running worker searches it")


@verb(
    explanations,
    Explanations.explanation,
    Explanations.counterfactual,
    name="result",
    example="pilothouse explanations result JOB",
    own_help=True,
)
@click.argument("job")
def _result(ws: Workspace, job: str) -> Output:
    """What a JOB of `row`, `prediction` or `counterfactual` has found."""
    from pilothouse.explanations.row_results import COUNTERFACTUAL

    if ws.jobs.job(job).kind == COUNTERFACTUAL:
        changed = ws.explanations.counterfactual(job)
        return Output(changed, _changes_text(changed))
    explained = ws.explanations.explanation(job)
    return Output(explained, _explained_text(explained))


def _explained_text(result: RowExplanation) -> str:
    lines = [f"{result.output} {result.answer:.4g}, of {result.base:.4g} over {result.background}"]
    for c in result.columns:
        error = "" if c.error is None else f" ± {c.error:.2g}"
        lines.append(f"  {c.column} = {c.value}  {c.contribution:+.4g}{error}")
    return "\n".join(lines)


def _changes_text(result: Counterfactual) -> str:
    if not result.reached:
        return f"no change was found that makes it: {result.goal} ({result.answered} rows answered)"
    lines = [f"  {c.column}: {c.before} to {c.after}" for c in result.changes]
    return "\n".join([f"answers {result.prediction_after} at a distance of {result.distance:.3g}",
                      *lines])  # fmt: skip


@verb(
    explanations,
    Explanations.row_results,
    name="results",
    example="pilothouse explanations results churn 3",
)
@model_argument
@version_argument
def _results(ws: Workspace, model: str, version: int) -> Any:
    return ws.explanations.row_results(model, version)


def _record(
    ws: Workspace,
    model: str,
    version: int,
    record: Any,
    dataset: str,
    row: int,
    changes: tuple[tuple[str, str], ...],
) -> tuple[Mapping[str, Any], str]:
    """The row that options name, with its changes, and where it is from.

    Raises Invalid without a row; by default it is the version's own example.
    """
    info = ws.registry.version(model, version)
    if record is not None and not isinstance(record, dict):
        raise Invalid("--record takes a JSON object.", fields={"record": "not an object"})
    source = "a record"
    if record is None and dataset:
        record = ws.explanations.dataset_record(model, version, dataset, row)
        source = f"row {row} of {dataset}"
    elif record is None and info.input_example:
        record, source = dict(info.input_example[0]), "the example"
    if record is None:
        raise Invalid("there is no row.", hint="Give --record, or --dataset with --row.")
    changed = {name: _json_or_text(value) for name, value in changes}
    return {**record, **changed}, f"{source}, changed" if changed else source


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
