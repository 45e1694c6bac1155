"""Alert rules: their table with conditions as sentences, and the form of a new one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.monitoring.alert_rules import SEVERITIES, AlertRuleSpec, rule_title
from pilothouse.monitoring.check_titles import signal_title, watchable_checks
from pilothouse.monitoring.checks import CUSTOM, OF_GROUPS
from pilothouse.monitoring.rules import rule_kinds
from pilothouse.monitoring.window_selection import WindowSelection
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.dialogs import dialog_buttons, run_or_show_error
from pilothouse_app.components.empty_state import empty
from pilothouse_app.components.formats import plural, title
from pilothouse_app.components.links import query_param
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.parameter_form import parameter_field
from pilothouse_app.components.records import records
from pilothouse_app.components.table import number_column, status_column, table, text_column
from pilothouse_app.components.table_height import table_height
from pilothouse_app.components.toasts import toast_next
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.metrics import monitored_metrics

if TYPE_CHECKING:
    from pilothouse.monitoring.check_titles import WatchableCheck
    from pilothouse.monitoring.rules import RuleKind

COLUMNS = {
    "name": text_column("Rule", width=150),
    "state": status_column("State", width=84),
    "severity": status_column("Severity", width=92),
    "sentence": text_column("Breaches when"),
    "for_windows": number_column("Fires after", 0, width=84, help="Windows in breach in a row"),
    "clear_windows": number_column("Clears after", 0, width=92, help="Clear windows in a row"),
    "action": text_column("Action", width=110),
}


def rules_view(deployment: str) -> None:
    """The rules of a deployment."""
    frame = workspace().monitoring.rules(deployment)
    if frame.empty:
        empty(
            "No alert rules for this deployment",
            "A rule opens an alert when windows in a row are in breach.",
            action=("Add a rule", lambda: add_rule(deployment)),
            key="no_rules",
        )
        return

    actions = st.container(horizontal=True, vertical_alignment="center")
    with table_height("rules", len(frame), reserve=20) as height:
        ticked = table(
            rule_frame(frame), COLUMNS, key="rules", alt="Alert rules", select="one", height=height
        )

    chosen = records(frame[frame["id"].isin(ticked[-1:] or [query_param("rule")])])
    with actions:
        if chosen:
            _actions(chosen[0])
        else:
            st.markdown(":gray[Tick a rule to pause or resume it.]")
        _export(deployment)


def _actions(rule: dict[str, Any]) -> None:
    monitoring, name, ref = workspace().monitoring, rule_title(rule["name"]), str(rule["id"])
    if rule["enabled"] and st.button("Pause", icon=":material/pause:", key="rule_pause"):
        confirm(
            "Pause this rule",
            f"**{literal(name)}** raises no alert until it is resumed; its open alert is resolved.",
            verb="Pause",
            command=lambda reason: monitoring.pause_rule(ref, reason),
            done=f"The rule {name} is paused",
        )
    if rule["enabled"] and workspace().notifications.rule_channels(ref):
        _test_button(name, ref)
    if not rule["enabled"] and st.button("Resume", icon=":material/play_arrow:", key="rule_resume"):
        confirm(
            "Resume this rule",
            f"**{literal(name)}** is active again from the next evaluated window on.",
            verb="Resume",
            command=lambda reason: monitoring.resume_rule(ref, reason),
            done=f"The rule {name} is active again",
        )


def _test_button(name: str, ref: str) -> None:
    """Send a test message of the rule to its channels; not offered where no channel takes it."""
    if st.button("Test", icon=":material/send:", key="rule_test"):
        deliveries: list[str] = []
        if run_or_show_error(lambda: deliveries.extend(workspace().notifications.test_rule(ref))):
            sent = plural(len(deliveries), "channel")
            toast_next(f"A test message of the rule {name} is queued to {sent}")
            st.rerun()


def rule_frame(rules: pd.DataFrame) -> pd.DataFrame:
    """The frame of rules with the condition as a sentence."""
    return rules.assign(
        name=[rule_title(name) for name in rules["name"]],
        state=["active" if enabled else "paused" for enabled in rules["enabled"]],
        sentence=[rule_sentence(row) for row in records(rules)],
        action=["Retrain" if action == "retrain" else "Notify" for action in rules["action"]],
    )


def rule_sentence(rule: Any) -> str:
    """The condition of a rule as a sentence."""
    column = "" if rule["column"] in ("", "*") else f" of {rule['column']}"
    is_installed = rule["condition"] in rule_kinds.names()
    kind = rule_kinds.get(rule["condition"]) if is_installed else None
    phrase, unit = (kind.phrase, kind.unit) if kind else (rule["condition"], "")
    check = signal_title(rule["signal"], rule["check"])
    return f"{check}{column} {phrase} {rule['threshold']:g} {unit}".rstrip()


def add_rule_button(deployment: str) -> None:
    """The button that opens the form of a new rule."""
    if st.button("Add a rule", icon=":material/add:", key="rule_add"):
        add_rule(deployment)


def _export(deployment: str) -> None:
    """The popover with files for Prometheus and Grafana; each is made when it is downloaded."""
    monitoring = workspace().monitoring
    exports = {
        "prometheus": ("Rules for Prometheus", ".yml", "application/yaml",
                       monitoring.prometheus_rules),
        "grafana": ("Dashboard for Grafana", ".json", "application/json",
                    monitoring.grafana_dashboard),
    }  # fmt: skip
    with st.popover("Export", icon=":material/download:", key="rule_export"):
        st.markdown(f"Of **{literal(deployment)}**, over the metrics of the server's `/metrics`.")
        for key, (label, ending, kind, make) in exports.items():
            st.download_button(
                label,
                partial(make, deployment),
                f"pilothouse-{deployment}{ending}",
                kind,
                key=f"rule_export_{key}",
                on_click="ignore",
                width="stretch",
            )


@st.dialog("Add a rule", icon=":material/rule:")
def add_rule(deployment: str) -> None:
    """The form of a new rule."""
    metrics = monitored_metrics(deployment)
    titles = {key: str(row["title"]) for key, row in metrics.items()}
    estimated = [key for key, row in metrics.items() if row["estimated"]]
    groups = _of_groups(deployment)
    checks = {check.title: check for check in watchable_checks(titles, estimated, groups)}
    what = st.selectbox("Watch", list(checks), key="rule_what")
    watched = checks[what]
    key = f"{watched.check}_{watched.signal}"

    names = rule_kinds.names()
    condition = st.selectbox(
        "Breaches",
        names,
        index=names.index(watched.condition),
        format_func=lambda name: rule_kinds.get(name).title,
        key=f"rule_condition_{key}",
    )
    kind = rule_kinds.get(condition)
    st.markdown(f":gray[{kind.description}]")
    threshold = _threshold(kind, watched, condition, key=f"rule_threshold_{key}")
    with st.container(horizontal=True):
        fires = st.number_input("Fires after (windows)", 1, 20, 2, key="rule_for")
        clears = st.number_input("Clears after (windows)", 1, 20, 2, key="rule_clear")
    severity = st.selectbox("Severity", SEVERITIES, index=1, format_func=title, key="rule_severity")
    retrain = st.toggle("Retrain when it fires; the result is only proposed", key="rule_retrain")
    name = st.text_input("Name", value=what, key=f"rule_name_{key}") or ""
    st.markdown(":gray[It applies to windows evaluated from now on.]")
    if dialog_buttons(
        "Add", "rule", missing="" if name.strip() else "Give a name first"
    ) and run_or_show_error(
        lambda: workspace().monitoring.add_rule(
            deployment,
            AlertRuleSpec(
                name=name.strip(),
                signal=watched.signal,
                check=watched.check,
                condition=condition,
                threshold=threshold,
                for_windows=int(fires),
                clear_windows=int(clears),
                severity=severity,
                action="retrain" if retrain else "none",
            ),
        )
    ):
        toast_next(f"The rule {name} is added to {deployment}")
        st.rerun()


def _of_groups(deployment: str) -> dict[str, list[str]]:
    """The checks of segments and of fairness that the newest window has, by signal."""
    windows = workspace().monitoring.windows(deployment, WindowSelection(1))
    if windows.empty:
        return {}
    results = workspace().monitoring.results(str(windows["id"].iloc[-1]))
    judged = results[results["signal"].isin(OF_GROUPS) & results["threshold"].notna()]
    checks = {str(name): list(rows["check"].unique()) for name, rows in judged.groupby("signal")}
    return {**checks, CUSTOM: list(workspace().monitoring.checks(deployment)["name"])}


def _threshold(kind: RuleKind, watched: WatchableCheck, condition: str, *, key: str) -> float:
    """The field of the threshold; the usual one of the check goes with its usual condition."""
    parameter = kind.parameters[0]
    if condition == watched.condition:
        start = watched.threshold
    else:
        start, key = parameter.default, f"{key}_{condition}"
    label = f"Breaches when it {kind.phrase}" + (f" ({kind.unit})" if kind.unit else "")
    value = parameter_field(parameter, start, key=key, label=label)
    return float(start if value is None else value)
