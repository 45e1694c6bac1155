"""`pilothouse monitors skew`: what was served, against what it should have been."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pilothouse.cli.command import Group, verb
from pilothouse.cli.options import INSTANT
from pilothouse.cli.output import Output, text_of
from pilothouse.monitoring.api import Monitoring
from pilothouse.workspace import Workspace

if TYPE_CHECKING:
    from pilothouse.monitoring.skew.skew_report import FirstRequests, ServedValues, SkewReport

skew = Group("skew", help="Training-serving skew: served values against expected ones.")
deployment_argument = click.argument("deployment")


@verb(skew, Monitoring.skew, name="show", example="pilothouse monitors skew show churn")
@deployment_argument
def _show(ws: Workspace, deployment: str) -> Output:
    report = ws.monitoring.skew(deployment)
    if report is None:
        return Output(None, f"the skew of {deployment} has not been measured by a job")
    return _report(report)


@verb(
    skew,
    Monitoring.measure_skew,
    Monitoring.submit_skew,
    name="measure",
    writes=True,
    example=(
        "pilothouse monitors skew measure churn",
        "pilothouse monitors skew measure churn --key customer_id --job",
    ),
    own_help=True,
)
@deployment_argument
@click.option("--key", default="", help="The input that names a row of the training dataset.")
@click.option("--start", type=INSTANT, default=None, help="Events from this time on.")
@click.option("--end", type=INSTANT, default=None, help="Events before this time.")
@click.option("--job", "as_job", is_flag=True, help="By a worker, so that it is kept and shown.")
def _measure(
    ws: Workspace,
    deployment: str,
    key: str,
    start: datetime | None,
    end: datetime | None,
    *,
    as_job: bool,
) -> Output:
    """Compare the newest logged rows of a DEPLOYMENT with what they should have been.

    It runs here and keeps nothing, or by --job in the worker.
    """
    if as_job:
        job = ws.monitoring.submit_skew(deployment, key=key, start=start, end=end)
        return Output({"job": job}, f"job {job}: a running worker measures it")
    return _report(ws.monitoring.measure_skew(deployment, key=key, start=start, end=end))


@verb(skew, Monitoring.window_skew, name="window", example="pilothouse monitors skew window WINDOW")
@click.argument("window")
def _window(ws: Workspace, window: str) -> Output:
    values = ws.monitoring.window_skew(window)
    return Output(values, _values_text(values) if values else "no skew was measured in this window")


def _report(report: SkewReport) -> Output:
    head = f"{report.deployment}, {report.model}@{report.version}: {report.status}"
    text = "\n\n".join([head, _values_text(report.values), _first_text(report.first)])
    return Output(report.to_json(), text)


def _values_text(values: ServedValues) -> str:
    import pandas as pd

    if values.lack:
        return f"served values: not compared, {values.lack}"
    rows = [
        (c.column, c.rows, c.differing, c.share, c.median_difference, c.largest_difference, c.unit)
        for c in values.columns
    ]
    names = ["column", "rows", "differ", "share", "median", "largest", "unit"]
    text = f"{values.rows:,} of {values.logged:,} logged rows against {values.against}"
    if values.ages:
        ages = values.ages
        text += f"; values {ages.median:,.0f} s old (median), {ages.high:,.0f} s (99 %)"
    return f"{text}\n{text_of(pd.DataFrame(rows, columns=names))}"


def _first_text(first: FirstRequests) -> str:
    import pandas as pd

    if first.lack:
        return f"first requests: not compared, {first.lack}"
    rows = [(c.column, c.status, c.score, c.limit, c.unit, "; ".join(c.findings))
            for c in first.columns]  # fmt: skip
    names = ["column", "status", "score", "limit", "unit", "findings"]
    text = f"first {first.rows:,} rows against {first.training_rows:,} rows of {first.dataset}"
    return f"{text}\n{text_of(pd.DataFrame(rows, columns=names))}"
