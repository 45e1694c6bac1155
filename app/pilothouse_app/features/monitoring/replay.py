"""Settings and rules tried on the windows so far, and the button that takes them over."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pilothouse.kit.errors import PilothouseError
from pilothouse.monitoring.alert_rules import rule_title
from pilothouse_app.charts.replay import replay_chart, replay_height
from pilothouse_app.components.charting import dark, figure
from pilothouse_app.components.confirm import confirm
from pilothouse_app.components.errors import error_box
from pilothouse_app.components.header import section
from pilothouse_app.components.markdown import literal
from pilothouse_app.components.records import records
from pilothouse_app.components.table import number_column, table, text_column
from pilothouse_app.components.workspace import workspace
from pilothouse_app.features.monitoring.clocks import in_zone
from pilothouse_app.features.monitoring.metrics import metric_title, monitored_metrics, tick_format
from pilothouse_app.features.monitoring.rules import rule_sentence
from pilothouse_app.features.monitoring.settings import tolerance_field

if TYPE_CHECKING:
    from pilothouse.monitoring.history_replay import HistoryReplay
    from pilothouse.monitoring.monitor_config import MonitorConfig

FIELDS = 5  # number fields in a row
COUNTS = {
    "alerts": "Alerts that fired",
    "with_fall": "· with a real fall",
    "without_fall": "· without one",
    "without_labels": "· without labels to tell",
    "falls": "Windows with a real fall",
    "falls_missed": "· in no alert",
}
STATUSES = {"fail": "Failing windows", "warn": "Warning windows", "insufficient": "Insufficient"}
COLUMNS = {
    "title": text_column("History", width=175),
    "now": number_column("Now", 0, width=52),
    "tried": number_column("Tried", 0, width=56),
}
RULE_FIELDS = [3.4, 1.2, 1.2, 1.2, 1]


@st.fragment
def try_on_history(deployment: str) -> None:
    """The fields, what they would have changed, and the button that uses them."""
    section("Try on history", "which alerts would have fired with other settings; nothing changes")
    monitoring = workspace().monitoring
    config = monitoring.monitor_info(deployment).config
    settings = _settings(deployment, config)
    rules = _rules(records(monitoring.rules(deployment)))
    try:
        replay = monitoring.replay(deployment, settings, rules)
    except PilothouseError as refusal:
        error_box(refusal)
        return
    if replay.windows.empty:
        st.markdown(":gray[No window has been evaluated yet.]")
        return

    _result(deployment, replay)
    if st.button(
        "Use these settings",
        type="primary",
        icon=":material/check:",
        disabled=not (settings or rules),
        help=None if settings or rules else "Change a field first",
        key="replay_use",
    ):
        confirm(
            "Use these settings",
            f"They apply to windows of **{literal(deployment)}** evaluated from now on. "
            "The open alert of a rule that is switched off is resolved.",
            verb="Use",
            command=lambda reason: use(deployment, settings, rules, reason),
            done="The settings are changed",
        )


def _settings(deployment: str, config: MonitorConfig) -> dict[str, Any]:
    """The settings that differ from the monitor's."""
    fields: list[tuple[str, str, float, float, float | None]] = [
        ("min_rows", "Fewest rows", config.min_rows, 1, None),
        ("min_labelled", "Fewest labels", config.min_labelled, 1, None),
        ("min_coverage", "Least labelled (share)", config.min_coverage, 0, 1),
        ("drifted_share", "Drifted columns fail (share)", config.drifted_share, 0, 1),
        ("false_discovery_rate", "By chance (share)", config.false_discovery_rate, 0.001, 0.5),
    ]
    changes: dict[str, Any] = {}
    for cell, (name, label, value, low, high) in zip(st.columns(FIELDS), fields, strict=True):
        with cell:
            chosen = _number(label, value, low, high, key=f"replay_{name}_{value:g}")
        if chosen != value:
            changes[name] = chosen
    tolerances = dict(config.tolerances)
    metrics = monitored_metrics(deployment)
    cells = st.columns(FIELDS) if metrics else []
    for index, (key, metric) in enumerate(metrics.items()):
        with cells[index % FIELDS]:
            tolerance = tolerance_field(key, metric, prefix=f"replay_{metric['tolerance']:g}")
        if tolerance != metric["tolerance"]:
            tolerances[key] = tolerance
    return changes | ({"tolerances": tolerances} if tolerances != dict(config.tolerances) else {})


def _number(label: str, value: float, low: float, high: float | None, *, key: str) -> float:
    """A whole number where the setting is one, else a share."""
    if isinstance(value, int):
        return int(st.number_input(label, int(low), None, value, key=key))
    step = 0.05 if value >= 0.05 else 0.005
    return float(
        st.number_input(
            label, float(low), high and float(high), value, step=step, format="%.4g", key=key
        )
    )


def _rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of fields for each rule; what differs, by name."""
    changes = []
    for rule in rules:
        # With the values in force in it, a field begins anew when they change.
        name = rule["name"]
        key = f"replay_{name}_{rule['threshold']:g}_{rule['for_windows']}_{rule['clear_windows']}"
        cells = st.columns(RULE_FIELDS, vertical_alignment="bottom")
        cells[0].markdown(
            f"**{literal(rule_title(name))}** &nbsp;:gray[{literal(rule_sentence(rule))}]"
        )
        after: dict[str, Any] = {
            "threshold": float(
                cells[1].number_input(
                    "Threshold", value=float(rule["threshold"]), step=0.05, format="%.4g",
                    key=f"{key}_threshold",
                )
            ),
            "for_windows": int(
                cells[2].number_input(
                    "Fires after", 1, 20, int(rule["for_windows"]), key=f"{key}_for",
                    help="Windows in breach in a row",
                )
            ),
            "clear_windows": int(
                cells[3].number_input(
                    "Clears after", 1, 20, int(rule["clear_windows"]), key=f"{key}_clear",
                    help="Clear windows in a row",
                )
            ),
            "enabled": cells[4].toggle("Active", rule["enabled"], key=f"{key}_{rule['enabled']}"),
        }  # fmt: skip
        changed: dict[str, Any] = {
            field: value for field, value in after.items() if value != rule[field]
        }
        if "threshold" in changed:
            changed["clear_threshold"] = clear_threshold(rule, after["threshold"])
        if changed:
            changes.append({"name": name, **changed})
    return changes


def clear_threshold(rule: dict[str, Any], threshold: float) -> float | None:
    """Where the rule clears with another threshold: the same share of it as before."""
    old = rule["clear_threshold"]
    if old is None or pd.isna(old) or not rule["threshold"]:
        return None
    return float(round(old / rule["threshold"] * threshold, 10))


def _result(deployment: str, replay: HistoryReplay) -> None:
    metrics = monitored_metrics(deployment)
    zone = workspace().monitoring.monitor_info(deployment).config.zone
    key = next(iter(name for name in replay.windows["metric"] if name), "")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        table(
            count_frame(replay), COLUMNS, key="replay_counts", alt="Alerts and falls", ids="title"
        )
        for note in replay.not_replayed:
            st.markdown(f":gray[{literal(note)}]")
    with right:
        titled = in_zone(replay.episodes, zone)
        titled = titled.assign(rule=[rule_title(name) for name in titled["rule"]])
        figure(
            replay_chart(
                in_zone(replay.windows, zone),
                titled,
                dark=dark(),
                title=metric_title(metrics, key) if key else "",
                tickformat=tick_format(metrics.get(key)),
            ),
            key="replay_chart",
            height=replay_height(replay.windows, titled),
            alt="The primary metric with real falls, and statuses and alerts by both settings",
        )


def count_frame(replay: HistoryReplay) -> pd.DataFrame:
    """The counts of alerts and falls by both settings, and how many windows differ."""
    now, tried = asdict(replay.now), asdict(replay.tried)
    rows = [
        {"title": title, "now": now[name], "tried": tried[name]} for name, title in COUNTS.items()
    ]
    windows = replay.windows
    for status, title in STATUSES.items():
        sides = {
            side: int((windows[f"status_{side}"] == status).sum()) for side in ("now", "tried")
        }
        rows.append({"title": title, **sides})
    return pd.DataFrame(rows)


def use(
    deployment: str, settings: dict[str, Any], rules: list[dict[str, Any]], reason: str
) -> None:
    """Change the monitor and its rules to what was tried."""
    monitoring = workspace().monitoring
    ids = monitoring.rules(deployment).set_index("name")["id"]
    if settings:
        monitoring.monitor(deployment, **settings)
    for change in rules:
        rule = str(ids[change["name"]])
        fields = {name: value for name, value in change.items() if name not in ("name", "enabled")}
        if fields:
            monitoring.change_rule(rule, reason, **fields)
        if change.get("enabled") is False:
            monitoring.pause_rule(rule, reason)
        elif change.get("enabled"):
            monitoring.resume_rule(rule, reason)
