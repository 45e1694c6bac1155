"""The text of a notification: what changed, where, since when, how severe, and where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from pilothouse.kit.processes import find
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse.monitoring.notifications.views import AlertView
from pilothouse.monitoring.tables import ESCALATED, FIRING, REPEAT, RESOLVED, Alert
from pilothouse.storage import Store

VERBS = {
    FIRING: ("fires", "fire"),
    ESCALATED: ("is more severe now", "are more severe now"),
    REPEAT: ("still fires", "still fire"),
    RESOLVED: ("is resolved", "are resolved"),
}
TIME = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class NotifiedAlert:
    """An alert in a notification, with its view, and the names of alerts that it stands for."""

    alert: Alert
    view: AlertView
    stands_for: tuple[str, ...] = ()


def title(kind: str, deployment: str, severity: str, notified: Sequence[NotifiedAlert]) -> str:
    """One line: "[critical] churn: Performance fires"."""
    mark = RESOLVED if kind == RESOLVED else severity
    one, many = VERBS[kind]
    if len(notified) == 1:
        return f"[{mark}] {deployment}: {rule_title(notified[0].alert.name)} {one}"
    return f"[{mark}] {deployment}: {len(notified)} alerts {many}"


def body(store: Store, kind: str, delivery: str, notified: Sequence[NotifiedAlert]) -> str:
    """A paragraph for each alert, then the id by which a receiver can drop a repeated delivery."""
    paragraphs = [_paragraph(store, kind, item) for item in notified]
    return "\n\n".join([*paragraphs, f"Delivery: {delivery}"])


def _paragraph(store: Store, kind: str, item: NotifiedAlert) -> str:
    alert, view = item.alert, item.view
    lines = [
        f"{rule_title(alert.name)}: {alert.message}",
        f"Deployment: {alert.deployment}",
        f"Severity: {view.severity}{_lowered(alert, view)}",
    ]
    if alert.fired_at is not None:
        lines.append(f"Firing since: {alert.fired_at.strftime(TIME)}")
    lines.append(f"Windows in breach: {alert.breaches}")
    if kind == RESOLVED and alert.resolved_at is not None:
        by = alert.resolved_by
        lines.append(f"Resolved: {alert.resolved_at.strftime(TIME)} by {by}")
    if item.stands_for:
        lines.append(f"Same cause: {', '.join(map(rule_title, item.stands_for))}")
    lines.append(alert_url(store, alert.id))
    return "\n".join(lines)


def _lowered(alert: Alert, view: AlertView) -> str:
    if view.severity == alert.severity:
        return ""
    return f" (the rule says {alert.severity}; no loss of performance is known)"


def alert_url(store: Store, alert: str) -> str:
    """The address of an alert's page: by the setting, else of the app that runs or will."""
    app = find(store.run_folder, "app")
    running = app.url if app is not None else f"http://127.0.0.1:{store.settings.app_port}"
    base = store.settings.public_url or running
    return f"{base.rstrip('/')}/alert?{urlencode({'id': alert})}"
