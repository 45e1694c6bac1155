"""`pilothouse monitors`: windows of a deployment's predictions, their drift and performance."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from pilothouse.cli.command import Group, options_of, verb
from pilothouse.cli.custom_checks import checks
from pilothouse.cli.evidently import evidently
from pilothouse.cli.explanations import explanation_output
from pilothouse.cli.options import INSTANT, JSON_VALUE, NAMES, NEW_FILE, PAIR, reveal_option
from pilothouse.cli.output import Output, text_of
from pilothouse.cli.skew import skew
from pilothouse.cli.window_reports import reports
from pilothouse.kit.errors import Invalid, NotFound
from pilothouse.monitoring.api import Monitoring
from pilothouse.monitoring.checks import PERFORMANCE, PRIMARY
from pilothouse.monitoring.monitor_config import Reference
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse.monitoring.windows import Period
from pilothouse.monitoring.zone_calendar import CalendarPeriod
from pilothouse.pipelines.api import Pipelines

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.monitoring.frames import WindowDocuments
    from pilothouse.monitoring.history_replay import HistoryReplay
    from pilothouse.monitoring.monitor_config import MonitorInfo
    from pilothouse.workspace import Workspace

monitors = Group("monitors", help="Windows of predictions: drift, performance and reports.")
monitors.add_command(checks)
monitors.add_command(evidently)
monitors.add_command(skew)
monitors.commands.update(reports.commands)
deployment_argument = click.argument("deployment")
window_argument = click.argument("window")
newest_option = click.option(
    "--newest", type=click.IntRange(0), default=None, help="So many of the newest windows."
)
skip_option = click.option(
    "--skip", type=click.IntRange(0), default=0, help="Without so many of the newest windows."
)
worst_of_option = click.option(
    "--worst-of", type=click.Choice(get_args(CalendarPeriod)), default=None,
    help="Of each of these the worst window.",
)  # fmt: skip


@verb(monitors, name="list", example="pilothouse monitors list")
def _list(ws: Workspace) -> pd.DataFrame:
    """Every deployment that is monitored, with its settings."""
    import pandas as pd

    rows = []
    for name in ws.deployments.deployments()["name"]:
        try:
            info = ws.monitoring.monitor_info(name)
        except NotFound:
            continue
        config = info.config
        rows.append((name, config.period, config.enabled, config.min_rows, config.min_labelled))
    columns = ["deployment", "period", "enabled", "min_rows", "min_labelled"]
    return pd.DataFrame(rows, columns=columns)


@verb(monitors, Monitoring.monitor_info, name="show", example="pilothouse monitors show churn")
@deployment_argument
def _show(ws: Workspace, deployment: str) -> Output:
    return _settings(ws.monitoring.monitor_info(deployment))


def _settings(info: MonitorInfo) -> Output:
    about = {**vars(info), **vars(info.config)}
    del about["config"]
    return Output(about, text_of(about))


@verb(
    monitors,
    Pipelines.monitor,
    name="start",
    writes=True,
    example="pilothouse monitors start churn",
    own_help=True,
)
@deployment_argument
def _start(ws: Workspace, deployment: str) -> Output:
    """Monitor a DEPLOYMENT with default rules, and evaluate its windows every hour."""
    ws.pipelines.monitor(deployment)
    info = _settings(ws.monitoring.monitor_info(deployment))
    return Output(info.value, f"{deployment} is monitored")


@verb(
    monitors,
    Monitoring.monitor,
    name="change",
    writes=True,
    example=(
        "pilothouse monitors change churn --period day --min-rows 500",
        """pilothouse monitors change churn --limits '{"psi": {"warn": 0.1, "fail": 0.25}}'""",
    ),
    own_help=True,
)
@deployment_argument
@click.option(
    "--period",
    type=click.Choice(get_args(Period)),
    default=None,
    help="The length of a window; of prediction, --window-length says how many.",
)
@click.option("--zone", default=None, help="Time zone of windows, such as Europe/Paris.")
@click.option("--window-length", type=int, default=None, help="How many periods a window has.")
@click.option(
    "--evaluate-after", type=float, default=None, help="Hours that an ended window waits."
)
@click.option(
    "--give-up-after", type=float, default=None,
    help="Hours from a window's end; later data do not make it due again. inf: never.",
)  # fmt: skip
@click.option("--window-step", type=int, default=None, help="Periods from one window to the next.")
@click.option("--enabled/--disabled", "enabled", default=None, help="Whether windows are judged.")
@click.option("--min-rows", type=int, default=None, help="Fewer predictions are not judged.")
@click.option("--min-labelled", type=int, default=None, help="Of a window's performance.")
@click.option("--min-coverage", type=float, default=None, help="Least share with a label.")
@click.option("--drifted-share", type=float, default=None, help="Share of columns that may drift.")
@click.option("--primary", type=JSON_VALUE, default=None, help='Such as {"number": "psi"}.')
@click.option("--limits", type=JSON_VALUE, default=None, help="Of drift tests.")
@click.option("--tolerances", type=JSON_VALUE, default=None, help="Of metrics.")
@click.option("--reference-rows", type=int, default=None, help="First rows, without held-out ones.")
@click.option(
    "--false-discovery-rate",
    type=float,
    default=None,
    help="Share of columns over a limit that may be so by chance.",
)
@click.option(
    "--reference",
    type=click.Choice(get_args(Reference)),
    default=None,
    help="What the inputs of a window are compared with.",
)
@click.option(
    "--domain-classifier/--no-domain-classifier",
    "domain_classifier",
    default=None,
    help="Whether all columns are tested together too.",
)
@click.option("--reference-windows", type=int, default=None, help="How many windows before it.")
@click.option("--reference-dataset", default=None, help="A dataset version, such as flights@2.")
@click.option(
    "--pca-reconstruction/--no-pca-reconstruction",
    "pca_reconstruction",
    default=None,
    help="Whether rows are rebuilt from components of the reference.",
)
@click.option(
    "--segment-columns", type=NAMES, default=None, help="Inputs whose segments are judged too."
)
@click.option(
    "--fairness-columns", type=NAMES, default=None, help="Inputs whose groups are compared."
)
@click.option(
    "--skew/--no-skew", "skew", default=None, help="Whether served values are compared too."
)
@click.option("--skew-key", default=None, help="The input that names a row of training data.")
def _change(ws: Workspace, deployment: str, **settings: Any) -> Output:
    """Change how the windows of a DEPLOYMENT are judged; what is left out stays as it is."""
    return _settings(ws.monitoring.monitor(deployment, **options_of(settings)))


@verb(
    monitors,
    Monitoring.evaluate,
    Pipelines.evaluate,
    name="evaluate",
    writes=True,
    example=(
        "pilothouse monitors evaluate churn",
        "pilothouse monitors evaluate churn --start 2026-03-02 --end 2026-03-09",
    ),
    own_help=True,
)
@deployment_argument
@click.option("--start", type=INSTANT, default=None, help="When the window begins.")
@click.option("--end", type=INSTANT, default=None, help="When it ends.")
def _evaluate(
    ws: Workspace, deployment: str, start: datetime | None, end: datetime | None
) -> Output:
    """Evaluate windows of a DEPLOYMENT: one here and now, or by a job every one that is due.

    Without --start and --end, a job for the worker evaluates every window that is due.
    """
    if (start is None) != (end is None):
        raise Invalid("a window has a start and an end.", hint="Give --start and --end, or none.")
    if start is None or end is None:
        job = ws.pipelines.evaluate(deployment)
        return Output({"job": job}, f"job {job}: a running worker evaluates the windows")
    window = ws.monitoring.window(ws.monitoring.evaluate(deployment, start, end))
    text = (
        f"window {window.id}: {window.status} ({window.rows:,} rows, {window.labelled:,} labelled)"
    )
    return Output(window, text)


@verb(
    monitors,
    Monitoring.replay,
    name="replay",
    example=(
        "pilothouse monitors replay churn --set drifted_share=0.3",
        """pilothouse monitors replay churn --set 'tolerances={"accuracy": 0.02}' """
        """--rules '[{"name": "performance", "for_windows": 1}]'""",
    ),
    own_help=True,
)
@deployment_argument
@click.option(
    "--set", "settings", type=PAIR, multiple=True, metavar="SETTING=VALUE",
    help="A setting of the monitor, such as min_rows=500; others as JSON. Repeatable.",
)  # fmt: skip
@click.option(
    "--rules", type=JSON_VALUE, default=None,
    help="A list of rules by name with what changes, or of new rules.",
)  # fmt: skip
def _replay(
    ws: Workspace, deployment: str, settings: tuple[tuple[str, str], ...], rules: Any
) -> Output:
    """Try settings and rules on the windows so far of a DEPLOYMENT; nothing is changed."""
    if not isinstance(rules or [], list):
        raise Invalid("--rules is a list of rules.", hint='Such as [{"name": "drift"}].')
    changes = {name: _json_or_text(text) for name, text in settings}
    tried = ws.monitoring.replay(deployment, changes, rules or [])
    return Output(tried, _replay_text(tried))


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _replay_text(replay: HistoryReplay) -> str:
    counts = [
        f"{side}: {c.alerts} alerts, {c.with_fall} with a fall, {c.without_fall} without one, "
        f"{c.without_labels} without labels; {c.falls_missed} of {c.falls} falls missed"
        for side, c in (("now", replay.now), ("tried", replay.tried))
    ]
    windows, episodes = replay.windows, replay.episodes
    changed = windows[windows["status_now"] != windows["status_tried"]]
    columns = ["start", "status_now", "status_tried", "alerts_now", "alerts_tried", "fall"]
    tables = [
        f"{name}:\n{text_of(frame)}"
        for name, frame in (
            ("Windows with another status", changed[columns]),
            ("Alerts", episodes),
        )
        if len(frame)
    ]
    return "\n\n".join(["\n".join([*counts, *replay.not_replayed]), *tables])


@verb(
    monitors, Monitoring.windows, example="pilothouse monitors windows churn --json", own_help=True
)
@click.argument("deployment", required=False)
@newest_option
@skip_option
@worst_of_option
def _windows(
    ws: Workspace,
    deployment: str | None,
    newest: int | None,
    skip: int,
    worst_of: CalendarPeriod | None,
) -> pd.DataFrame:
    """Evaluated windows of one DEPLOYMENT or of all, oldest first."""
    if deployment is not None:
        ws.monitoring.monitor_info(deployment)
    return ws.monitoring.windows(deployment, WindowSelection(newest, skip, worst_of))


@verb(monitors, Monitoring.window_count, example="pilothouse monitors window-count churn")
@deployment_argument
def _window_count(ws: Workspace, deployment: str) -> int:
    ws.monitoring.monitor_info(deployment)
    return ws.monitoring.window_count(deployment)


@verb(monitors, Monitoring.window, example="pilothouse monitors window WINDOW", own_help=True)
@window_argument
def _window(ws: Workspace, window: str) -> Any:
    """One WINDOW, as it was evaluated last."""
    return ws.monitoring.window(window)


@verb(monitors, Monitoring.results, example="pilothouse monitors results WINDOW")
@window_argument
def _results(ws: Workspace, window: str) -> pd.DataFrame:
    ws.monitoring.window(window)
    return ws.monitoring.results(window)


@verb(monitors, Monitoring.drift_ranking, name="drift", example="pilothouse monitors drift WINDOW")
@window_argument
def _drift(ws: Workspace, window: str) -> pd.DataFrame:
    return ws.monitoring.drift_ranking(window)


@verb(
    monitors,
    Monitoring.explain_window,
    name="explain",
    example="pilothouse monitors explain WINDOW",
    own_help=True,
)
@window_argument
def _explain(ws: Workspace, window: str) -> Output:
    """What changed in a WINDOW, since when, whether it hurts, and the events before it."""
    return explanation_output(ws.monitoring.explain_window(window))


@verb(
    monitors,
    Monitoring.distributions,
    Monitoring.revealing,
    writes=True,
    example="pilothouse monitors distributions WINDOW age --json",
)
@window_argument
@click.argument("column")
@click.option("--signal", default=None, help="prediction_drift: an output of the same name.")
@reveal_option
def _distributions(
    ws: Workspace, window: str, column: str, signal: str | None, reveal: str | None
) -> pd.DataFrame:
    monitoring = ws.monitoring
    if reveal is not None:
        name = monitoring.window(window).deployment
        ws.deployments.reveal(name, reveal)
        monitoring = monitoring.revealing([name])
    return monitoring.distributions(window, column, signal=signal)


@verb(
    monitors,
    Monitoring.documents,
    example="pilothouse monitors documents WINDOW --json",
)
@window_argument
def _documents(ws: Workspace, window: str) -> Output:
    documents = ws.monitoring.documents(window)
    lines = [f"{name} ({side})" for side, names in _sides(documents) for name in names]
    return Output(documents, "\n".join(lines) or "Nothing here yet.")


def _sides(documents: WindowDocuments) -> list[tuple[str, list[str]]]:
    return [("window", list(documents.window)), ("reference", list(documents.reference))]


@verb(monitors, Monitoring.metrics, example="pilothouse monitors metrics churn")
@deployment_argument
def _metrics(ws: Workspace, deployment: str) -> pd.DataFrame:
    return ws.monitoring.metrics(deployment)


@verb(
    monitors,
    Monitoring.trend,
    example="pilothouse monitors trend churn psi --column age",
)
@deployment_argument
@click.argument("check")
@click.option("--column", default=None, help="Of this column only.")
@click.option("--signal", default=None, help="Such as performance or feature_drift.")
@newest_option
@worst_of_option
def _trend(
    ws: Workspace,
    deployment: str,
    check: str,
    column: str | None,
    signal: str | None,
    newest: int | None,
    worst_of: CalendarPeriod | None,
) -> pd.DataFrame:
    ws.monitoring.monitor_info(deployment)
    selection = WindowSelection(newest, worst_of=worst_of)
    return ws.monitoring.trend(deployment, check, column, signal=signal, selection=selection)


@verb(monitors, Monitoring.timeline, example="pilothouse monitors timeline churn")
@deployment_argument
def _timeline(ws: Workspace, deployment: str) -> pd.DataFrame:
    ws.monitoring.monitor_info(deployment)
    return ws.monitoring.timeline(deployment)


@verb(monitors, example="pilothouse monitors performance churn --metric accuracy")
@deployment_argument
@click.option(
    "--metric", default=PRIMARY, help="  [default: the metric that decides for its task]."
)
def _performance(ws: Workspace, deployment: str, metric: str) -> pd.DataFrame:
    """A metric over the windows of a deployment, from predictions that have a label."""
    ws.monitoring.monitor_info(deployment)
    return ws.monitoring.trend(deployment, metric, signal=PERFORMANCE)


@verb(
    monitors,
    Monitoring.remove_window,
    writes=True,
    reason=True,
    example='pilothouse monitors remove-window WINDOW --reason "wrong event times"',
)
@window_argument
def _remove_window(ws: Workspace, window: str, reason: str) -> Output:
    ws.monitoring.remove_window(window, reason)
    return Output({"window": window}, f"window {window} is removed")


page_option = click.option(
    "--output", type=NEW_FILE, required=True, help="Write the page to this file."
)


@verb(
    monitors,
    Monitoring.window_page,
    name="page",
    example="pilothouse monitors page WINDOW --output window.html",
    own_help=True,
)
@window_argument
@page_option
def _page(ws: Workspace, window: str, output: Path) -> Output:
    """Write the page of a WINDOW as one HTML file that needs nothing else."""
    return _written(ws.monitoring.window_page(window), output)


@verb(
    monitors,
    Monitoring.period_page,
    name="period-page",
    example=(
        "pilothouse monitors period-page churn --from 2026-01-01 --to 2026-04-01 "
        "--output quarter.html"
    ),
    own_help=True,
)
@deployment_argument
@click.option("--from", "start", type=INSTANT, required=True, help="The first start of a window.")
@click.option("--to", "end", type=INSTANT, required=True, help="Windows start before.")
@page_option
def _period_page(
    ws: Workspace, deployment: str, start: datetime, end: datetime, output: Path
) -> Output:
    """Write the page of all windows of a DEPLOYMENT that begin in a period, as one HTML file."""
    return _written(ws.monitoring.period_page(deployment, start, end), output)


def _written(page: bytes, output: Path) -> Output:
    output.write_bytes(page)
    about = {"file": str(output), "bytes": len(page)}
    return Output(about, f"{output}: {len(page) / 1000:,.0f} kB")
