"""Monitoring for Prometheus: newest windows and alerts as metrics, alert rules as a rule file.

The judgement stays here, where limits know chance and severity follows harm: a rule of the file
asks whether an alert of ours fires and is not muted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from pilothouse.kit.errors import NotFound
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.checks import (
    DRIFTED_SHARE,
    ESTIMATED_PERFORMANCE,
    FEATURE_DRIFT,
    LABEL_COVERAGE,
    NOT_EVALUATED,
    PERFORMANCE,
)
from pilothouse.monitoring.notifications.views import newest_windows, views
from pilothouse.monitoring.tables import (
    ACKNOWLEDGED,
    FIRING,
    OPEN,
    Alert,
    AlertRule,
    CheckResult,
    Monitor,
    Window,
)

FIRES = "pilothouse_alert_firing"
OPENED = "pilothouse_alerts"
PERFORMED = "pilothouse_performance"
DRIFTED, DRIFTED_COLUMNS = "pilothouse_drift_score", "pilothouse_drifted_columns_ratio"
LIMITS, STATUS = "pilothouse_performance_limit", "pilothouse_window_status"
WINDOW_ROWS, WINDOW_LABELLED = "pilothouse_window_rows", "pilothouse_window_labelled"
WINDOW_END = "pilothouse_window_end_timestamp_seconds"
EVALUATED = "pilothouse_monitor_last_run_timestamp_seconds"
KINDS = {PERFORMANCE: "realised", ESTIMATED_PERFORMANCE: "estimated"}
STATUS_VALUES = {"ok": 0, "warn": 1, "fail": 2}  # a window that is not judged has no sample
DESCRIPTIONS = {
    FIRES: "Whether an alert of the rule fires; muted says why nobody is notified of it.",
    OPENED: "Open alerts by state.",
    PERFORMED: "Metrics of the newest window, by labels or estimated without them.",
    LIMITS: "Values at which the metrics of the newest window warn and fail.",
    STATUS: "Status of the newest window by signal: 0 ok, 1 warn, 2 fail.",
    DRIFTED: "Drift of each feature in the newest window, by the test that decides.",
    DRIFTED_COLUMNS: "Share of drifted features in the newest window.",
    WINDOW_ROWS: "Predictions in the newest window.",
    WINDOW_LABELLED: "Predictions in the newest window that have a label.",
    WINDOW_END: "When the newest window ends.",
    EVALUATED: "When the newest window was evaluated last.",
}
Labels = Mapping[str, object]
Samples = dict[str, list[tuple[Labels, float]]]


def exposition(session: Session, now: datetime) -> str:
    """The metrics in the text format 0.0.4; empty when nothing is monitored."""
    samples: Samples = {}
    _add_alerts(samples, session, now)
    _add_windows(samples, session)
    return "".join(f"{line}\n" for line in _lines(samples))


def rule_file(session: Session, deployment: str | None = None) -> str:
    """The enabled alert rules as a rule file in YAML, one group a deployment.

    Raises NotFound for a deployment that nobody monitors.
    """
    import yaml

    query = select(AlertRule).where(AlertRule.enabled)
    if deployment is not None:
        if session.get(Monitor, deployment) is None:
            raise NotFound(f"nobody monitors {deployment!r}.")
        query = query.where(AlertRule.deployment == deployment)
    rules = session.exec(query.order_by(col(AlertRule.deployment), col(AlertRule.name)))
    groups: dict[str, list[dict[str, object]]] = {}
    for rule in rules:
        groups.setdefault(f"pilothouse-{rule.deployment}", []).append(_rule(rule))
    content = {"groups": [{"name": name, "rules": rows} for name, rows in groups.items()]}
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _rule(rule: AlertRule) -> dict[str, object]:
    """Without `for`: our alert fires only after its windows in a row. Its labels stay on it."""
    matchers = {"deployment": rule.deployment, "rule": rule.name, "muted": ""}
    return {
        "alert": f"{rule.deployment}: {rule_title(rule.name)}",
        "expr": f"{FIRES}{_braces(matchers)} == 1",
        "annotations": {
            "summary": f"{rule_title(rule.name)} fires on the deployment {rule.deployment}",
            "description": f"{rule.signal} {rule.check} {rule.condition} {rule.threshold:g}, "
            f"{rule.for_windows} windows in a row",
        },
    }


def _add_alerts(samples: Samples, session: Session, now: datetime) -> None:
    rules = list(session.exec(select(AlertRule).where(AlertRule.enabled)))
    alerts = list(session.exec(select(Alert).where(col(Alert.state).in_(OPEN))))
    by_id = views(session, alerts, now)
    of_rule = {alert.rule_id: alert for alert in alerts}
    for rule in rules:
        alert = of_rule.get(rule.id)
        labels = {"deployment": rule.deployment, "rule": rule.name, "signal": rule.signal}
        if alert is None:
            _add(samples, FIRES, labels | {"severity": rule.severity}, 0)
            continue
        view = by_id[alert.id]
        fires = alert.state in (FIRING, ACKNOWLEDGED)
        muted = {"muted": view.muted} if view.muted else {}
        _add(samples, FIRES, labels | {"severity": view.severity} | muted, fires)
    counts: dict[tuple[str, str, str], int] = {}
    for alert in alerts:
        key = alert.deployment, alert.state, by_id[alert.id].severity
        counts[key] = counts.get(key, 0) + 1
    for (deployment, state, severity), count in counts.items():
        labels = {"deployment": deployment, "state": state, "severity": severity}
        _add(samples, OPENED, labels, count)


def _add_windows(samples: Samples, session: Session) -> None:
    names = session.exec(select(Monitor.deployment).order_by(col(Monitor.deployment))).all()
    windows = {window.id: window for window in newest_windows(session, names).values()}
    for window in windows.values():
        labels = _labels(window)
        _add(samples, WINDOW_ROWS, labels, window.rows)
        _add(samples, WINDOW_LABELLED, labels, window.labelled)
        _add(samples, WINDOW_END, labels, window.end.timestamp())
        _add(samples, EVALUATED, {"deployment": window.deployment}, window.evaluated_at.timestamp())
        statuses = {"drift": window.drift_status, "performance": window.performance_status}
        for signal, status in statuses.items():
            if status in STATUS_VALUES:
                _add(samples, STATUS, {**labels, "signal": signal}, STATUS_VALUES[status])
    for result in _results(session, list(windows)):
        window = windows[result.window_id]
        if result.revision == window.revision and result.score is not None:
            _add_result(samples, _labels(window), result, result.score)


def _add_result(samples: Samples, labels: Labels, result: CheckResult, score: float) -> None:
    if result.signal in KINDS and result.check != LABEL_COVERAGE and not result.column:
        about = {"metric": result.check, "kind": KINDS[result.signal]}
        _add(samples, PERFORMED, {**labels, **about}, score)
        for limit, value in (("warn", result.warn), ("fail", result.threshold)):
            if value is not None:
                _add(samples, LIMITS, {**labels, **about, "limit": limit}, value)
    elif result.check == DRIFTED_SHARE:
        _add(samples, DRIFTED_COLUMNS, labels, score)
    elif result.signal == FEATURE_DRIFT and result.primary:
        about = {"column": result.column, "check": result.check}
        _add(samples, DRIFTED, {**labels, **about}, score)


def _results(session: Session, windows: Sequence[str]) -> Sequence[CheckResult]:
    """The results of windows that could be judged."""
    query = select(CheckResult).where(
        col(CheckResult.window_id).in_(windows),
        col(CheckResult.signal).in_((FEATURE_DRIFT, *KINDS)),
        col(CheckResult.status).not_in(NOT_EVALUATED),
    )
    return session.exec(query.order_by(col(CheckResult.id))).all()


def _labels(window: Window) -> Labels:
    return {
        "deployment": window.deployment,
        "model": window.model,
        "version": window.version,
    }


def _add(samples: Samples, name: str, labels: Labels, value: float) -> None:
    samples.setdefault(name, []).append((labels, float(value)))


def _lines(samples: Samples) -> Iterator[str]:
    for name, rows in samples.items():
        yield f"# HELP {name} {DESCRIPTIONS[name]}"
        yield f"# TYPE {name} gauge"
        for labels, value in rows:
            yield f"{name}{_braces(labels)} {value!r}"


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: object) -> str:
    """A label's value: backslashes, quotes and line ends are escaped, as in PromQL's strings."""
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
