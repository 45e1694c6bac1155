"""`pilothouse alerts`: alerts of monitoring, and the rules that raise them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pilothouse.cli.command import Group, options_of, verb
from pilothouse.cli.explanations import explanation_output
from pilothouse.cli.options import PluginName
from pilothouse.cli.output import Output, text_of
from pilothouse.cli.silences import silences
from pilothouse.monitoring.alert_rules import ACTIONS, SEVERITIES, AlertRuleSpec
from pilothouse.monitoring.api import Monitoring
from pilothouse.monitoring.checks import SIGNALS
from pilothouse.monitoring.notifications.inbox import SHOW
from pilothouse.monitoring.notifications.notifications import Notifications
from pilothouse.monitoring.rules import rule_kinds

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.workspace import Workspace

alerts = Group("alerts", help="Alerts of monitoring, and the rules that raise them.")
rules = Group("rules", help="Alert rules: which results are watched, and when they alert.")
alerts.add_command(rules)
alerts.add_command(silences)
alert_argument = click.argument("alert")
note_option = click.option("--note", default="", help="Kept with the alert.")
CHOICES = {
    "signal": click.Choice(SIGNALS),
    "condition": PluginName(rule_kinds),
    "severity": click.Choice(SEVERITIES),
    "action": click.Choice(ACTIONS),
}


@verb(
    alerts,
    Monitoring.alerts,
    name="list",
    example="pilothouse alerts list --state firing --json",
    own_help=True,
)
@click.option(
    "--state", default=None, help="pending, firing, acknowledged, resolved or never_fired."
)
@click.option("--deployment", default=None, help="Of this deployment only.")
def _list(ws: Workspace, state: str | None, deployment: str | None) -> pd.DataFrame:
    """Every alert, newest first."""
    return ws.monitoring.alerts(state, deployment=deployment)


@verb(
    alerts,
    Notifications.inbox,
    name="inbox",
    example="pilothouse alerts inbox --show open",
    own_help=True,
)
@click.option("--show", type=click.Choice(SHOW), default=None, help="A part of it only.")
@click.option("--deployment", default=None, help="Of this deployment only.")
def _inbox(ws: Workspace, show: str | None, deployment: str | None) -> pd.DataFrame:
    """Alerts by deployment, the most severe first, with what mutes them."""
    return ws.notifications.inbox(show, deployment=deployment)


@verb(
    alerts,
    Monitoring.alert,
    Monitoring.alert_events,
    Notifications.view,
    name="show",
    example="pilothouse alerts show ALERT",
    own_help=True,
)
@alert_argument
def _show(ws: Workspace, alert: str) -> Output:
    """One alert with its transitions."""
    info, events = ws.monitoring.alert(alert), ws.monitoring.alert_events(alert)
    view = ws.notifications.view(alert)
    text = f"{text_of(info)}\nnotified as: {view.severity}"
    text += f"\n{view.muted}: {view.reason}" if view.muted else ""
    value = {**asdict(info), "events": events, "notification": view}
    return Output(value, f"{text}\n\n{text_of(events)}")


@verb(alerts, Monitoring.explain, example="pilothouse alerts explain ALERT")
@alert_argument
def _explain(ws: Workspace, alert: str) -> Output:
    return explanation_output(ws.monitoring.explain(alert))


@verb(
    alerts,
    Monitoring.acknowledge,
    writes=True,
    example='pilothouse alerts acknowledge ALERT --note "we look at the sensor"',
)
@alert_argument
@note_option
def _acknowledge(ws: Workspace, alert: str, note: str) -> Output:
    ws.monitoring.acknowledge(alert, note)
    return Output(ws.monitoring.alert(alert), f"alert {alert} is acknowledged")


@verb(
    alerts,
    Monitoring.resolve,
    writes=True,
    example='pilothouse alerts resolve ALERT --note "the sensor is replaced"',
)
@alert_argument
@note_option
def _resolve(ws: Workspace, alert: str, note: str) -> Output:
    ws.monitoring.resolve(alert, note)
    return Output(ws.monitoring.alert(alert), f"alert {alert} is resolved")


@verb(
    rules,
    Notifications.test_rule,
    Notifications.rule_channels,
    name="test",
    writes=True,
    example="pilothouse alerts rules test RULE",
)
@click.argument("rule")
def _test_rule(ws: Workspace, rule: str) -> Output:
    sent = ws.notifications.test_rule(rule)
    names = ", ".join(channel.name for channel in ws.notifications.rule_channels(rule))
    return Output({"deliveries": sent}, f"a test message is queued to {names}")


@verb(rules, Monitoring.rules, name="list", example="pilothouse alerts rules list", own_help=True)
@click.option("--deployment", default=None, help="Of this deployment only.")
def _rules(ws: Workspace, deployment: str | None) -> pd.DataFrame:
    """Every alert rule."""
    return ws.monitoring.rules(deployment)


@verb(
    rules,
    Monitoring.add_rule,
    name="add",
    writes=True,
    example=(
        "pilothouse alerts rules add churn age-drift --signal feature_drift --check psi "
        "--column age --condition above --threshold 0.2"
    ),
)
@click.argument("deployment")
@click.argument("name")
@click.option("--signal", type=CHOICES["signal"], required=True)
@click.option(
    "--check",
    required=True,
    help="A drift test or a metric, such as psi or accuracy; primary: the one that decides.",
)
@click.option(
    "--condition", type=CHOICES["condition"], required=True, help="A kind of rule, such as above."
)
@click.option("--threshold", type=float, required=True)
@click.option("--column", default="*", show_default=True, help="May have * and ?.")
@click.option("--clear-threshold", type=float, default=None, help="  [default: the threshold].")
@click.option("--for-windows", type=int, default=2, show_default=True, help="In a row, to fire.")
@click.option("--clear-windows", type=int, default=2, show_default=True, help="To resolve.")
@click.option("--severity", type=CHOICES["severity"], default="warning", show_default=True)
@click.option("--action", type=CHOICES["action"], default="none", show_default=True)
def _add(ws: Workspace, deployment: str, **fields: Any) -> Output:
    rule = AlertRuleSpec(**fields)
    id = ws.monitoring.add_rule(deployment, rule)
    return Output({"id": id, "deployment": deployment, **asdict(rule)}, f"rule {id} is added")


@verb(
    rules,
    Monitoring.change_rule,
    name="change",
    writes=True,
    reason=True,
    example='pilothouse alerts rules change RULE --threshold 0.3 --reason "too many alerts"',
)
@click.argument("rule")
@click.option("--name", default=None, help="The new name.")
@click.option("--signal", type=CHOICES["signal"], default=None, help="What is watched.")
@click.option("--check", default=None, help="A drift test or a metric.")
@click.option(
    "--condition", type=CHOICES["condition"], default=None, help="When a result breaches."
)
@click.option("--threshold", type=float, default=None, help="The limit.")
@click.option("--column", default=None, help="May have * and ?.")
@click.option("--clear-threshold", type=float, default=None, help="The limit to resolve.")
@click.option("--for-windows", type=int, default=None, help="In a row, to fire.")
@click.option("--clear-windows", type=int, default=None, help="In a row, to resolve.")
@click.option("--severity", type=CHOICES["severity"], default=None, help="How grave it is.")
@click.option(
    "--action", type=CHOICES["action"], default=None, help="What a workflow does when it fires."
)
def _change(ws: Workspace, rule: str, reason: str, **fields: Any) -> Any:
    return ws.monitoring.change_rule(rule, reason, **options_of(fields))


@verb(
    rules,
    Monitoring.pause_rule,
    name="pause",
    writes=True,
    reason=True,
    example='pilothouse alerts rules pause RULE --reason "known for this week"',
)
@click.argument("rule")
def _pause(ws: Workspace, rule: str, reason: str) -> Output:
    ws.monitoring.pause_rule(rule, reason)
    return Output({"rule": rule, "enabled": False}, f"rule {rule} is paused")


@verb(
    rules,
    Monitoring.resume_rule,
    name="resume",
    writes=True,
    reason=True,
    example="pilothouse alerts rules resume RULE",
)
@click.argument("rule")
def _resume(ws: Workspace, rule: str, reason: str) -> Output:
    ws.monitoring.resume_rule(rule, reason)
    return Output({"rule": rule, "enabled": True}, f"rule {rule} is in use again")


@verb(
    rules,
    Monitoring.prometheus_rules,
    name="export",
    example="pilothouse alerts rules export > pilothouse-rules.yml",
)
@click.option("--deployment", default=None, help="Of this deployment only.")
def _export(ws: Workspace, deployment: str | None) -> Output:
    text = ws.monitoring.prometheus_rules(deployment)
    return Output({"rules": text}, text.rstrip("\n"))


@verb(
    alerts,
    Monitoring.grafana_dashboard,
    name="grafana",
    example="pilothouse alerts grafana > pilothouse-dashboard.json",
)
@click.option("--deployment", default=None, help="Of this deployment only.")
def _grafana(ws: Workspace, deployment: str | None) -> Output:
    text = ws.monitoring.grafana_dashboard(deployment)
    return Output({"dashboard": text}, text)
