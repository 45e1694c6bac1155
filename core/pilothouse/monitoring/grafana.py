"""A Grafana dashboard over the metrics that Prometheus scrapes from `GET /metrics`.

It is JSON of Grafana's dashboard model, version 39: Grafana 10.4 and later read it and convert it.
The data source is a variable, so one file suits every installation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.prometheus import (
    DRIFTED,
    DRIFTED_COLUMNS,
    EVALUATED,
    FIRES,
    LIMITS,
    OPENED,
    PERFORMED,
    STATUS,
    STATUS_VALUES,
    WINDOW_LABELLED,
    WINDOW_ROWS,
)
from pilothouse.monitoring.tables import Monitor

SCHEMA_VERSION = 39
MAX_UID = 40  # Grafana refuses longer ones
WIDTH, HEIGHT = 24, 8  # of the grid, and of a panel on it
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
CHOSEN = 'deployment=~"$deployment"'
RATE = "[$__rate_interval]"  # Grafana's own: at least four scrapes
COLOURS = {"ok": "green", "warn": "orange", "fail": "red"}
Panel = dict[str, Any]


def dashboard(session: Session, deployment: str | None = None) -> str:
    """The dashboard of all deployments, or of one, as JSON. Raises NotFound when none monitors it.

    That of all has a variable by which deployments are chosen.
    """
    if deployment is not None and session.get(Monitor, deployment) is None:
        raise NotFound(f"nobody monitors {deployment!r}.")
    content = {
        "uid": _uid(deployment),
        "title": f"Pilothouse: {deployment}" if deployment else "Pilothouse",
        "description": "Requests, drift, performance and alerts of deployments",
        "tags": ["pilothouse"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "1m",
        "timezone": "",
        "templating": {"list": [_source_variable(), _deployment_variable(deployment)]},
        "annotations": {"list": []},
        "links": [],
        "panels": _placed([*_traffic(), *_monitoring(), *_alerts()]),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _uid(deployment: str | None) -> str:
    """The same for the same deployment, so that importing again replaces the dashboard."""
    uid = f"pilothouse-{deployment}" if deployment else "pilothouse"
    if len(uid) <= MAX_UID:
        return uid
    digest = hashlib.sha256(uid.encode()).hexdigest()
    return f"{uid[: MAX_UID - 9]}-{digest[:8]}"


def _source_variable() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource",
            "query": "prometheus", "current": {}, "hide": 0}  # fmt: skip


def _deployment_variable(deployment: str | None) -> dict[str, Any]:
    about = {"name": "deployment", "label": "Deployment"}
    if deployment is not None:
        chosen = {"text": deployment, "value": deployment, "selected": True}
        return about | {"type": "custom", "query": deployment, "current": chosen,
                        "options": [chosen], "hide": 2}  # fmt: skip
    # A deployment that is served elsewhere has windows and no process; a new one the reverse.
    query = f'label_values({{__name__=~"pilothouse_deployment_ready|{EVALUATED}"}}, deployment)'
    return about | {
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": "deployments"},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }


def _traffic() -> list[Panel]:
    requests, by = "pilothouse_requests_total", "sum by (deployment, version)"
    return [
        _series("Requests", "reqps",
                [(f"{by} (rate({requests}{{{CHOSEN}}}{RATE}))",
                  "{{deployment}} version {{version}}")]),
        _series("Errors", "reqps",
                [(f'sum by (deployment, status) (rate({requests}{{{CHOSEN},status=~"[45].."}}'
                  f"{RATE}))", "{{deployment}} {{status}}")]),
        _series("Latency", "s", [_quantile(0.5, "median"), _quantile(0.95, "95th percentile"),
                                 _quantile(0.99, "99th percentile")]),
        _series("Predictions and labels", "rowsps",
                [(f"sum by (deployment) (rate(pilothouse_predictions_total{{{CHOSEN}}}{RATE}))",
                  "{{deployment}} predictions"),
                 (f"sum by (deployment) (rate(pilothouse_labels_total{{{CHOSEN}}}{RATE}))",
                  "{{deployment}} labels")]),
    ]  # fmt: skip


def _quantile(level: float, name: str) -> tuple[str, str]:
    rate = f"rate(pilothouse_request_duration_seconds_bucket{{{CHOSEN}}}{RATE})"
    expression = f"histogram_quantile({level}, sum by (deployment, le) ({rate}))"
    return expression, f"{{{{deployment}}}} {name}"


def _monitoring() -> list[Panel]:
    metric = "{{deployment}} {{metric}}"
    return [
        _states("Drift status of the newest window", "drift"),
        _states("Performance status of the newest window", "performance"),
        _series("Performance and its limits", "none",
                [(f"{PERFORMED}{{{CHOSEN}}}", f"{metric} ({{{{kind}}}})"),
                 (f'{LIMITS}{{{CHOSEN},limit="warn"}}', f"{metric} ({{{{kind}}}}): warns"),
                 (f'{LIMITS}{{{CHOSEN},limit="fail"}}', f"{metric} ({{{{kind}}}}): fails")]),
        _series("Drifted features", "percentunit",
                [(f"{DRIFTED_COLUMNS}{{{CHOSEN}}}", "{{deployment}}")]),
        _series("Features that drifted most", "none",
                [(f"topk(10, {DRIFTED}{{{CHOSEN}}})", "{{deployment}} {{column}} ({{check}})")]),
        _series("Rows of the newest window", "short",
                [(f"{WINDOW_ROWS}{{{CHOSEN}}}", "{{deployment}} predictions"),
                 (f"{WINDOW_LABELLED}{{{CHOSEN}}}", "{{deployment}} labelled")]),
    ]  # fmt: skip


def _alerts() -> list[Panel]:
    firing = _panel("table", "Alerts that fire", "none", [(f"{FIRES}{{{CHOSEN}}} == 1", "")])
    firing["targets"][0] |= {"format": "table", "instant": True}
    hidden = {"Time": True, "Value": True, "__name__": True, "instance": True, "job": True}
    firing["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    since = [(f"time() - {EVALUATED}{{{CHOSEN}}}", "{{deployment}}")]
    return [
        _series("Open alerts", "none",
                [(f"sum by (deployment, state, severity) ({OPENED}{{{CHOSEN}}})",
                  "{{deployment}} {{severity}} ({{state}})")]),
        firing,
        _panel("stat", "Since the newest window was evaluated", "s", since),
        _panel("stat", "Ready", "bool_yes_no",
               [(f"pilothouse_deployment_ready{{{CHOSEN}}}", "{{deployment}}")]),
    ]  # fmt: skip


def _series(title: str, unit: str, queries: Sequence[tuple[str, str]]) -> Panel:
    return _panel("timeseries", title, unit, queries)


def _states(title: str, signal: str) -> Panel:
    """The status over time; a window that could not be judged has no sample, and no state."""
    query = f'{STATUS}{{{CHOSEN},signal="{signal}"}}'
    panel = _panel("state-timeline", title, "none", [(query, "{{deployment}}")])
    options = {
        str(value): {"text": name, "color": COLOURS[name], "index": value}
        for name, value in STATUS_VALUES.items()
    }
    panel["fieldConfig"]["defaults"]["mappings"] = [{"type": "value", "options": options}]
    return panel


def _panel(kind: str, title: str, unit: str, queries: Sequence[tuple[str, str]]) -> Panel:
    targets = [
        {"refId": chr(ord("A") + position), "datasource": SOURCE, "expr": expression,
         "legendFormat": legend}
        for position, (expression, legend) in enumerate(queries)
    ]  # fmt: skip
    return {
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {},
    }


def _placed(panels: Sequence[Panel]) -> list[Panel]:
    """The panels with their numbers, two side by side."""
    width = WIDTH // 2
    return [
        panel
        | {"id": number + 1}
        | {"gridPos": {"x": number % 2 * width, "y": number // 2 * HEIGHT, "w": width, "h": HEIGHT}}
        for number, panel in enumerate(panels)
    ]
