"""`pilothouse deployments`: what serves, what it answered, and what came true."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.deployment_access import keys, limits
from pilothouse.cli.deployment_features import features
from pilothouse.cli.deployment_files import add_deployment_files
from pilothouse.cli.deployment_log import log
from pilothouse.cli.deployment_replays import add_request_log, revealing
from pilothouse.cli.deployment_rollouts import rollouts
from pilothouse.cli.governance import affected_output
from pilothouse.cli.options import FILE, INSTANT, JSON_VALUE, dry_run_option, reveal_option
from pilothouse.cli.output import Output, text_of
from pilothouse.deployments.api import Deployments
from pilothouse.governance.api import Governance
from pilothouse.kit.errors import Invalid

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.deployments.info import DeploymentInfo
    from pilothouse.deployments.label_report import LabelReport
    from pilothouse.workspace import Workspace

deployments = Group("deployments", help="Model versions that are served, and their predictions.")
deployments.add_command(keys)
deployments.add_command(limits)
deployments.add_command(features)
deployments.add_command(log)
add_deployment_files(deployments)
deployments.add_command(rollouts)
add_request_log(deployments)
MAX_UNMATCHED = 20
MAX_NUMBERS = 8  # of a predicted row that are printed
name_argument = click.argument("name")
start_option = click.option("--start", type=INSTANT, default=None, help="From this time on.")


@verb(
    deployments,
    Deployments.deployments,
    name="list",
    example="pilothouse deployments list",
    own_help=True,
)
def _list(ws: Workspace) -> pd.DataFrame:
    """Every deployment with its state."""
    return ws.deployments.deployments()


@verb(
    deployments,
    Deployments.deployment,
    Deployments.failure,
    name="show",
    example="pilothouse deployments show churn --json",
)
@name_argument
def _show(ws: Workspace, name: str) -> Output:
    info = ws.deployments.deployment(name)
    failure = ws.deployments.failure(name)
    hidden = ("signature", "input_example", "replicas", "revisions")
    about = {key: value for key, value in vars(info).items() if key not in hidden}
    lines = [text_of(about)]
    lines += [f"replica: {text_of([replica])}" for replica in info.replicas]
    lines += [f"engine: {replica.engine.sentence}" for replica in info.replicas if replica.engine]
    lines += [f"revision: {text_of([revision])}" for revision in info.revisions]
    if failure is not None:
        lines.append(f"failure: {failure.error or failure.ended}")
    return Output({**_facts(info), "failure": failure}, "\n".join(lines))


def _facts(info: DeploymentInfo) -> dict[str, Any]:
    return {**vars(info), "signature": info.signature.to_json()}


@verb(
    deployments,
    Deployments.launch,
    Deployments.not_servable,
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments launch churn churn 3",
        "pilothouse deployments launch churn churn 3 --replicas 2 --wait",
    ),
    own_help=True,
)
@name_argument
@click.argument("model")
@click.argument("version", type=int)
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True)
@click.option("--stage", default="", help="Whose address it answers too; see stage.")
@click.option("--wait", is_flag=True, help="Until it answers; see wait-until-ready.")
def _launch(
    ws: Workspace, name: str, model: str, version: int, wait: bool, reason: str, **options: Any
) -> Output:
    """Serve a VERSION of a MODEL as the deployment NAME; a running worker starts its processes."""
    info = ws.deployments.launch(name, model, version, reason, **options)
    return _state(ws.deployments.wait_until_ready(name) if wait else info)


@verb(
    deployments,
    Deployments.add_external,
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments add-external churn --model churn --version 3",
        "pilothouse deployments add-external prices --task regression --unit EUR "
        "--input area=number",
    ),
    own_help=True,
)
@name_argument
@click.option("--model", default="", help="The registered model whose predictions are sent.")
@click.option("--version", type=int, default=0, help="Its version.")
@click.option("--task", default="", help="What is predicted, of a model that is not registered.")
@click.option("--target", default="", help="What the predicted column is called.")
@click.option("--class", "classes", multiple=True, help="A class; repeatable, in order.")
@click.option("--positive", default=None, help="The positive class.")
@click.option("--level", "levels", type=float, multiple=True, help="A quantile level; repeatable.")
@click.option("--output", "outputs", multiple=True, help="The name of an output; repeatable.")
@click.option("--unit", default="", help="The unit of a predicted number.")
@click.option("--gives", default="", help="What is sent: probability, label or value.")
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=TYPE", help="An input column; repeatable."
)
def _add_external(
    ws: Workspace, name: str, model: str, version: int, reason: str, **about: Any
) -> Output:
    """Monitor predictions that are made elsewhere, as the deployment NAME.

    Either --model and --version say by which version, or --task and the options after it describe
    what is predicted.
    """
    from pilothouse.registry.description import Description

    description = None
    if about["task"]:
        inputs = dict(map(_pair, about.pop("inputs")))
        description = Description(**about, inputs=inputs)
    info = ws.deployments.add_external(name, model, version, description=description, reason=reason)
    return Output(_facts(info), f"{name}: {info.message}")


@verb(
    deployments,
    Deployments.switch_version,
    writes=True,
    reason=True,
    example='pilothouse deployments switch-version churn 4 --reason "promoted today"',
)
@name_argument
@click.argument("version", type=int)
@click.option("--wait", is_flag=True, help="Until it answers; see wait-until-ready.")
def _switch_version(ws: Workspace, name: str, version: int, wait: bool, reason: str) -> Output:
    info = ws.deployments.switch_version(name, version, reason)
    return _state(ws.deployments.wait_until_ready(name) if wait else info)


@verb(
    deployments,
    *(Deployments.roll_back, Governance.affected_by_roll_back),
    name="rollback",
    writes=True,
    reason=True,
    example='pilothouse deployments rollback churn --reason "too many false alarms"',
)
@name_argument
@click.option("--wait", is_flag=True, help="Until it answers; see wait-until-ready.")
@dry_run_option
def _rollback(ws: Workspace, name: str, wait: bool, dry_run: bool, reason: str) -> Output:
    if dry_run:
        return affected_output(ws.governance.affected_by_roll_back(name))
    info = ws.deployments.roll_back(name, reason)
    return _state(ws.deployments.wait_until_ready(name) if wait else info)


@verb(
    deployments,
    Deployments.stop,
    writes=True,
    reason=True,
    example="pilothouse deployments stop churn",
)
@name_argument
def _stop(ws: Workspace, name: str, reason: str) -> Output:
    return _state(ws.deployments.stop(name, reason))


@verb(
    deployments,
    Deployments.resume,
    writes=True,
    reason=True,
    example="pilothouse deployments resume churn --wait",
)
@name_argument
@click.option("--wait", is_flag=True, help="Until it answers; see wait-until-ready.")
def _resume(ws: Workspace, name: str, wait: bool, reason: str) -> Output:
    info = ws.deployments.resume(name, reason)
    return _state(ws.deployments.wait_until_ready(name) if wait else info)


@verb(
    deployments,
    Deployments.wait_until_ready,
    example="pilothouse deployments wait-until-ready churn --seconds 60",
)
@name_argument
@click.option("--seconds", type=float, default=120.0, show_default=True)
def _wait_until_ready(ws: Workspace, name: str, seconds: float) -> Output:
    """Ends with 6 when it takes longer."""
    return _state(ws.deployments.wait_until_ready(name, seconds))


def _state(info: DeploymentInfo) -> Output:
    return Output(_facts(info), f"{info.name}: {info.status}. {info.message}")


@verb(deployments, Deployments.serving, example="pilothouse deployments serving churn")
@click.argument("model")
def _serving(ws: Workspace, model: str) -> list[str]:
    ws.registry.versions(model)
    return ws.deployments.serving(model)


@verb(deployments, Deployments.signature, example="pilothouse deployments signature churn --json")
@name_argument
def _signature(ws: Workspace, name: str) -> Any:
    return ws.deployments.signature(name)


@verb(
    deployments,
    Deployments.predict,
    example=(
        "pilothouse deployments predict churn rows.csv",
        """pilothouse deployments predict churn --record '{"age": 41, "plan": "basic"}' --json""",
    ),
    own_help=True,
)
@name_argument
@click.argument("file", type=FILE, required=False)
@click.option("--record", "records", type=JSON_VALUE, multiple=True, help="A row; repeatable.")
@click.option("--event-time", type=INSTANT, default=None, help="When it happened  [default: now].")
def _predict(
    ws: Workspace,
    name: str,
    file: Path | None,
    records: tuple[dict[str, Any], ...],
    event_time: datetime | None,
) -> Output:
    """Predict rows with the deployment NAME, through the running server.

    The rows are those of a FILE (CSV, JSON lines, Parquet or Excel) and of --record. Columns of a
    file that the model does not take are left out.
    """
    ws.deployments.deployment(name)
    if not all(isinstance(record, dict) for record in records):
        raise Invalid("--record takes a JSON object.", fields={"record": "not an object"})
    rows = [*records, *(_rows_of(ws, name, file) if file else [])]
    if not rows:
        raise Invalid("there are no rows to predict.", hint="Give a FILE or --record.")

    answers = ws.deployments.predict(name, rows, event_time=event_time)
    return Output(answers, "\n".join(map(prediction_line, answers)))


def prediction_line(answer: dict[str, Any]) -> str:
    """A prediction for people: its id, what is predicted, and the first numbers beside that."""
    prediction = answer["prediction"]
    text = json.dumps(prediction) if isinstance(prediction, list | dict) else str(prediction)
    numbers = [
        f"{name} {value:.4g}"
        for name, value in answer["outputs"].items()
        if type(value) in (int, float) and value != prediction
    ]
    return "  ".join([answer["prediction_id"], text, *numbers[:MAX_NUMBERS]])


def _rows_of(ws: Workspace, name: str, file: Path) -> list[dict[str, Any]]:
    """The rows of a file with the columns that the model takes."""
    from pilothouse.data.reading.reader import read

    inputs = {field.name for field in ws.deployments.signature(name).inputs}
    table = read(file, "", {}).table
    columns = [column for column in table.column_names if column in inputs]
    rows: list[dict[str, Any]] = table.select(columns).to_pylist()
    return rows


@verb(
    deployments,
    Deployments.predictions,
    Deployments.masked,
    Deployments.reveal,
    writes=True,
    example="pilothouse deployments predictions churn --limit 20",
    own_help=True,
)
@name_argument
@start_option
@click.option("--end", type=INSTANT, default=None, help="Before this time.")
@click.option("--column", "columns", multiple=True, help="Only this column; repeatable.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the last so many.")
@reveal_option
def _predictions(
    ws: Workspace,
    name: str,
    start: datetime | None,
    end: datetime | None,
    columns: tuple[str, ...],
    limit: int | None,
    reveal: str | None,
) -> pd.DataFrame:
    """The logged predictions of the deployment NAME, in the order they came.

    Inputs that hold personal data are masked.
    """
    ws.deployments.deployment(name)
    return revealing(ws, name, reveal).predictions(name, start, end, columns or None, limit)


@verb(
    deployments,
    Deployments.label_from_file,
    Deployments.check_label_file,
    Deployments.label_columns,
    Deployments.label,
    name="label",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments label churn outcomes.csv --id-column id --label-column left",
        "pilothouse deployments label churn outcomes.csv --check --unmatched-to unmatched.csv",
    ),
    own_help=True,
)
@click.argument("deployment")
@click.argument("file", type=FILE)
@click.option("--id-column", default="", help="The column of prediction ids.")
@click.option("--label-column", default="", help="The column of labels.")
@click.option("--at-column", default="", help="The column of when it came true.")
@click.option("--check", is_flag=True, help="Report only: nothing is written.")
@click.option(
    "--unmatched-to",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write the ids without a prediction to this CSV file.",
)
def _label(
    ws: Workspace,
    deployment: str,
    file: Path,
    check: bool,
    unmatched_to: Path | None,
    reason: str,
    **named: str,
) -> Output:
    """Label predictions of a DEPLOYMENT from a CSV or Parquet FILE of ids and labels.

    Columns that are not named are recognised by their names. Rows that cannot be read are listed
    and left out.
    """
    from pilothouse.deployments.label_file import LabelColumns

    _, guess = ws.deployments.label_columns(deployment, file)
    columns = LabelColumns(
        named["id_column"] or guess.id,
        named["label_column"] or guess.label,
        named["at_column"] or guess.at,
    )
    if check:
        report = ws.deployments.check_label_file(deployment, file, "", columns)
    else:
        report = ws.deployments.label_from_file(deployment, file, "", columns, reason)
    lines = _label_lines(report)
    if unmatched_to is not None:
        import pandas as pd

        from pilothouse.kit.spreadsheets import to_csv

        frame = pd.DataFrame({"prediction_id": list(report.unmatched)}, dtype=object)
        unmatched_to.write_bytes(to_csv(frame))
        lines.append(f"{len(report.unmatched):,} ids are written to {unmatched_to}")
    return Output(report, "\n".join(lines))


def _label_lines(report: LabelReport) -> list[str]:
    """The counts, then the first ids without a prediction and the first unreadable rows."""
    counts = [
        f"{report.accepted:,} labels of {report.rows:,} rows",
        f"{report.matched:,} with a prediction",
        f"{len(report.unmatched):,} without",
        f"{len(report.corrected):,} corrected",
        f"{report.unchanged:,} unchanged",
        f"{report.repeated:,} repeated",
        f"{report.unreadable:,} unreadable",
    ]
    lines = [", ".join(counts)]
    if report.unlabelled:
        lines.append(f"{report.unlabelled:,} rows have no id or no label")
    lines += [f"corrected: {id}" for id in report.corrected[:MAX_UNMATCHED]]
    lines += [f"no prediction has the id {id}" for id in report.unmatched[:MAX_UNMATCHED]]
    if len(report.unmatched) > MAX_UNMATCHED:
        lines.append(f"and {len(report.unmatched) - MAX_UNMATCHED:,} more ids have none")
    return lines + [
        f"row {problem.row}, column {problem.column!r}: {problem.message}"
        for problem in report.problems[:MAX_UNMATCHED]
    ]


@verb(
    deployments,
    Deployments.record_predictions,
    Deployments.prediction_columns,
    Deployments.preview_predictions,
    name="record",
    writes=True,
    reason=True,
    example=(
        "pilothouse deployments record prices predictions.parquet",
        "pilothouse deployments record prices rows.csv --id-column order --output predict=price",
    ),
    own_help=True,
)
@click.argument("deployment")
@click.argument("file", type=FILE)
@click.option("--id-column", default="", help="The column of prediction ids.")
@click.option("--at-column", default="", help="The column of event times.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="OUTPUT=COLUMN",
    help="The column of an output; repeatable.",
)
@click.option("--label-column", default="", help="The column of labels.")
@click.option("--label-at-column", default="", help="The column of when a label came true.")
def _record(
    ws: Workspace,
    deployment: str,
    file: Path,
    id_column: str,
    at_column: str,
    outputs: tuple[str, ...],
    label_column: str,
    label_at_column: str,
    reason: str,
) -> Output:
    """Log predictions of a DEPLOYMENT that is served elsewhere, from a FILE.

    The file is CSV, Parquet, JSON or JSON lines; inputs are found by their names. Columns that are
    not named are recognised by theirs. Ids that were logged before are skipped, and rows that
    cannot be used are listed.
    """
    from pilothouse.deployments.gateway.external_columns import PredictionColumns

    _, guess = ws.deployments.prediction_columns(deployment, file)
    columns = PredictionColumns(
        id=id_column or guess.id,
        outputs={**guess.outputs, **dict(map(_pair, outputs))},
        at=at_column or guess.at,
        label=label_column or guess.label,
        label_at=label_at_column or guess.label_at,
    )
    report = ws.deployments.record_predictions(deployment, file, "", columns, reason)
    lines = [
        f"{report.accepted:,} of {report.rows:,} rows logged, {report.repeated:,} logged before, "
        f"{report.refused:,} refused",
        f"{report.labels:,} labels, {report.refused_labels:,} refused",
    ]
    lines += [
        f"row {problem.row}, column {problem.column!r}: {problem.message}"
        for problem in report.problems[:MAX_UNMATCHED]
    ]
    return Output(report, "\n".join(lines))


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} is not OUTPUT=COLUMN.")
    return name, column


@verb(
    deployments,
    Deployments.labels,
    Deployments.label_counts,
    example="pilothouse deployments labels churn --json",
)
@name_argument
@start_option
def _labels(ws: Workspace, name: str, start: datetime | None) -> pd.DataFrame:
    ws.deployments.deployment(name)
    return ws.deployments.labels(name, start)


@verb(deployments, Deployments.logs, example="pilothouse deployments logs churn --lines 50")
@name_argument
@click.option("--lines", type=click.IntRange(1), default=200, show_default=True)
def _logs(ws: Workspace, name: str, lines: int) -> Output:
    text = ws.deployments.logs(name, lines)
    return Output({"log": text}, text)


@verb(deployments, Deployments.traffic, example="pilothouse deployments traffic churn --hours 1")
@name_argument
@click.option("--hours", type=float, default=24.0, show_default=True)
def _traffic(ws: Workspace, name: str, hours: float) -> pd.DataFrame:
    ws.deployments.deployment(name)
    return ws.deployments.traffic(name, hours)
