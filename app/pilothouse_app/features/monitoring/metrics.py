"""Monitored metrics on a page: their values with unit, and their tolerances as text."""

from __future__ import annotations

from typing import Any

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.check_titles import check_title
from pilothouse_app.components.formats import DASH, is_missing
from pilothouse_app.components.records import records
from pilothouse_app.components.workspace import workspace

Metric = dict[str, Any]


def monitored_metrics(deployment: str) -> dict[str, Metric]:
    """The metrics that a deployment's windows are held to, by key; none when nobody monitors it."""
    try:
        frame = workspace().monitoring.metrics(deployment)
    except NotFound:
        return {}
    return {str(row["metric"]): row for row in records(frame)}


def metric_title(metrics: dict[str, Metric], key: str) -> str:
    """The title of a metric, of one that is monitored no longer too."""
    return str(metrics[key]["title"]) if key in metrics else check_title(key)


def metric_text(metric: Metric | None, value: float | None) -> str:
    """A value as its task writes it, with the unit of the target; a dash for none."""
    if value is None or is_missing(value):
        return DASH
    if metric is None:
        return f"{value:.4g}"
    return f"{value:{metric['format']}} {metric['unit']}".rstrip()


def tick_format(metric: Metric | None) -> str:
    """The format of an axis on which the metric is drawn, in d3's language."""
    written = ".4g" if metric is None else str(metric["format"])
    if written.endswith("%"):
        return ".0%"
    return ".2f" if written.endswith("f") else ".4~g"


def tolerance_text(metric: Metric) -> str:
    """How much worse than the reference it may be: "25 % of the reference" or "0.05"."""
    if metric["relative"]:
        return f"{metric['tolerance'] * 100:g} % of the reference"
    if str(metric["format"]).endswith("%"):
        return f"{metric['tolerance'] * 100:g} points"
    return f"{metric['tolerance']:g} {metric['unit']}".rstrip()
