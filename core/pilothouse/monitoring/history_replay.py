"""A monitor tried on its history: the statuses and alerts that other settings would have given.

Everything follows from stored results; see `rejudging`. Beside the alerts stand the real falls:
windows whose observed primary metric was beyond its tolerance and chance by the present settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.deployments import commands
from pilothouse.kit.errors import Invalid
from pilothouse.models.signature import Signature
from pilothouse.monitoring import alert_rules, monitors
from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.alert_state import Episode, combine, episodes
from pilothouse.monitoring.assessment import Assessment
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    DRIFTED_SHARE,
    FAIL,
    FEATURE_DRIFT,
    NOT_EVALUATED,
    PREDICTION_DRIFT,
    RECENT_PERFORMANCE,
    Check,
)
from pilothouse.monitoring.drift import drift_tests
from pilothouse.monitoring.metric_history import JudgedMetric, deciding_metric, recent_of
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.performance import monitored_metrics
from pilothouse.monitoring.reference_profile import output_columns
from pilothouse.monitoring.rejudging import StoredWindow, lacks_score, metric_checks, rejudge
from pilothouse.monitoring.rule_verdicts import busiest, condition_of, verdict_of, watched
from pilothouse.monitoring.tables import Alert, AlertRule, CheckResult, Window, of_newest_revision
from pilothouse.monitoring.window_store import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

NOW, TRIED = "now", "tried"
STATUSES = ("status", "drift_status", "performance_status")
REPLAYED = (
    *("window", "start", "end", "model", "version"),
    *(f"{name}_{side}" for name in STATUSES for side in (NOW, TRIED)),
    *("alerts_now", "alerts_tried"),
    *("metric", "value", "standard_error", "reference", "limit_now", "limit_tried", "fall"),
)
EPISODES = ("settings", "rule", "severity", "first", "fired", "cleared", "fall")
NOT_REPLAYED = {
    "period": "windows of another period are not stored",
    "zone": "windows of another time zone are not stored",
    "window_length": "windows of another length are not stored",
    "window_step": "windows of another length are not stored",
    "evaluate_after": "it says when windows are evaluated, not how",
    "give_up_after": "it says when windows are evaluated, not how",
    "enabled": "it says which windows are evaluated, not how",
    "reference": "scores against another reference are not stored",
    "reference_windows": "scores against another reference are not stored",
    "reference_dataset": "scores against another reference are not stored",
    "reference_rows": "scores against another reference are not stored",
    "domain_classifier": "it is computed from rows",
    "pca_reconstruction": "it is computed from rows",
    "segment_columns": "segments are computed from rows",
    "skew": "it is computed from rows",
    "skew_key": "it is computed from rows",
    "fairness_columns": "groups are computed from rows",
}
INDEX = {name: index for index, name in enumerate(COLUMNS)}


@dataclass(frozen=True)
class AlertCounts:
    """The alerts that fired in a history, and what they have to do with real falls.

    `with_fall` had a window with a fall between their first window and their end, `without_fall`
    had labels and none, `without_labels` were never judged by labels. Of the windows with a fall,
    `falls`, those in no alert that fired are `falls_missed`.
    """

    alerts: int
    with_fall: int
    without_fall: int
    without_labels: int
    falls: int
    falls_missed: int


@dataclass(frozen=True)
class HistoryReplay:
    """A history by the present settings ("now") and by others ("tried").

    `windows` has columns as in `REPLAYED`, one row a span, oldest first: `_now` is as stored,
    `alerts_` how many alerts fire by the rules as they are or as tried, `fall` None where labels do
    not say. `episodes` has columns as in `EPISODES`: `settings` is now or tried, the others are
    starts of windows; one without `fired` stayed pending. `not_replayed` says what stored results
    cannot answer.
    """

    windows: pd.DataFrame
    episodes: pd.DataFrame
    now: AlertCounts
    tried: AlertCounts
    not_replayed: tuple[str, ...]


@dataclass(frozen=True)
class TriedRule:
    """A rule with the spans that a person ended by hand."""

    rule: AlertRuleSpec
    enabled: bool
    closed: frozenset[datetime] = frozenset()


@dataclass(frozen=True)
class _Judged:
    """A stored window with its checks as they are, and as they would be."""

    window: Window
    stored: StoredWindow
    tried: tuple[Check, ...]
    tried_statuses: Mapping[str, str]
    primary: Check | None
    primary_tried: Check | None

    @property
    def fall(self) -> bool | None:
        if self.primary is None or self.primary.status in NOT_EVALUATED:
            return None
        return self.primary.status == FAIL


Alerts = list[tuple[AlertRuleSpec, Episode]]
History = Sequence[tuple[Window, StoredWindow]]


def replay(
    session: Session,
    deployment: str,
    settings: Mapping[str, Any],
    rules: Sequence[AlertRuleSpec | Mapping[str, Any]],
) -> HistoryReplay:
    """The history of a deployment with changed settings and rules.

    Raises NotFound when nobody monitors it, Invalid for settings or rules that make no sense.
    """
    present = monitors.monitor_info(session, deployment).config
    tried = monitors.checked_settings(session, present, settings)
    rules_now = _present_rules(session, deployment)
    rules_tried = _changed_rules(rules_now, rules)
    names = _watched_checks((present, tried), (*rules_now, *rules_tried))
    history = _history(session, deployment, present, names)
    assessments = rejudged(history, tried)
    judged = [_judged(*item, after) for item, after in zip(history, assessments, strict=True)]

    starts = [item.window.start for item in judged]
    falls = [item.fall for item in judged]
    alerts = {
        NOW: _episodes(rules_now, starts, [item.stored.checks for item in judged]),
        TRIED: _episodes(rules_tried, starts, [item.tried for item in judged]),
    }
    return HistoryReplay(
        _windows_frame(judged, alerts),
        _episodes_frame(starts, falls, alerts),
        _counts(alerts[NOW], falls),
        _counts(alerts[TRIED], falls),
        tuple(_not_replayed(present, tried, [stored for _, stored in history])),
    )


def _present_rules(session: Session, deployment: str) -> list[TriedRule]:
    closed: dict[str, set[datetime]] = {}
    query = select(Alert.rule_id, Alert.closed_through).where(
        Alert.deployment == deployment, col(Alert.closed_through).is_not(None)
    )
    for rule_id, through in session.exec(query):
        if through is not None:
            closed.setdefault(rule_id, set()).add(through)
    rows = session.exec(
        select(AlertRule).where(AlertRule.deployment == deployment).order_by(col(AlertRule.name))
    )
    return [
        TriedRule(alert_rules.rule_of(row), row.enabled, frozenset(closed.get(row.id, ())))
        for row in rows
    ]


def _changed_rules(
    present: Sequence[TriedRule], changes: Sequence[AlertRuleSpec | Mapping[str, Any]]
) -> list[TriedRule]:
    """The rules with changes by name; a name that there is not yet is one more rule."""
    rules = {item.rule.name: item for item in present}
    for change in changes:
        fields = asdict(change) if isinstance(change, AlertRuleSpec) else dict(change)
        name = str(fields.get("name", ""))
        old = rules.get(name)
        enabled = bool(fields.pop("enabled", old is None or old.enabled))
        rule = _rule({} if old is None else asdict(old.rule), fields)
        rules[name] = TriedRule(rule, enabled, frozenset() if old is None else old.closed)
    return list(rules.values())


def _rule(old: Mapping[str, Any], changes: Mapping[str, Any]) -> AlertRuleSpec:
    unknown = [name for name in changes if name not in AlertRuleSpec.__dataclass_fields__]
    if unknown:
        raise Invalid(
            f"a rule has no {', '.join(unknown)}.", fields=dict.fromkeys(unknown, "unknown")
        )
    try:
        rule = AlertRuleSpec(**{**old, **changes})
    except TypeError as error:
        raise Invalid(
            f"the rule {changes.get('name', '')!r} is not one of the deployment, and not whole.",
            hint="Name an existing rule with what changes, or give a new one all of its fields.",
        ) from error
    alert_rules.check_rule(rule)
    return rule


def _watched_checks(configs: Iterable[MonitorConfig], rules: Iterable[TriedRule]) -> set[str]:
    """The drift tests of features that decide on anything."""
    primary = {name for config in configs for name in config.primary.values()}
    return primary | {DRIFTED_SHARE} | {item.rule.check for item in rules}


def _history(
    session: Session, deployment: str, config: MonitorConfig, names: set[str]
) -> list[tuple[Window, StoredWindow]]:
    """The windows, one a span and oldest first, with the results that matter."""
    query = select(Window).where(Window.deployment == deployment, col(Window.removed_at).is_(None))
    order = col(Window.start), col(Window.rows).desc()
    windows = busiest(session.exec(query.order_by(*order)), config.scheme)
    results = _results(session, deployment)
    signatures: dict[tuple[str, int], Signature] = {}
    kinds: dict[tuple[str, int], dict[str, str]] = {}
    history = []
    for window in windows:
        version = window.model, window.version
        if version not in signatures:
            signatures[version] = commands.signature_of(session, deployment, *version)
            of_version = [
                results[other.id]
                for other in windows
                if (other.model, other.version) == version and other.id in results
            ]
            kinds[version] = _kinds(signatures[version], of_version)
        rows = results.get(window.id, [])
        checks = tuple(Check(*row) for row in rows if _matters(row, names))
        stored = StoredWindow(
            checks, window.rows, window.labelled, signatures[version], kinds[version], config
        )
        history.append((window, stored))
    return history


def _results(session: Session, deployment: str) -> dict[str, list[tuple[Any, ...]]]:
    """The results of the newest revisions, by window. PERF: as tuples, most are not judged."""
    query = (
        select(CheckResult.window_id, *[getattr(CheckResult, name) for name in COLUMNS])
        .join(Window, of_newest_revision())
        .where(Window.deployment == deployment, col(Window.removed_at).is_(None))
        .order_by(col(CheckResult.id))
    )
    results: dict[str, list[tuple[Any, ...]]] = {}
    for window, *row in session.execute(query):
        results.setdefault(window, []).append(tuple(row))
    return results


def _matters(row: tuple[Any, ...], names: set[str]) -> bool:
    """Whether a result decides on a status or is watched: a test that is only shown does not."""
    return (
        row[INDEX["signal"]] != FEATURE_DRIFT
        or row[INDEX["check"]] in names
        or row[INDEX["primary"]]
    )


def _kinds(signature: Signature, windows: Iterable[Sequence[tuple[Any, ...]]]) -> dict[str, str]:
    """The kind of each input and output, as in `StoredWindow`: the one that all its tests take."""
    tests: dict[tuple[str, str], set[str]] = {}
    for rows in windows:
        for row in rows:
            if row[INDEX["column"]] and row[INDEX["signal"]] in (FEATURE_DRIFT, DATA_QUALITY):
                key = FEATURE_DRIFT, row[INDEX["column"]]
                tests.setdefault(key, set()).add(row[INDEX["check"]])
    kinds: dict[str, str] = {
        f"{PREDICTION_DRIFT}/{output.name}": output.kind for output in output_columns(signature)
    }
    installed = set(drift_tests.names())
    for (signal, column), names in tests.items():
        taken = [drift_tests.get(name).kinds for name in names & installed]
        common = frozenset.intersection(*taken) if taken else frozenset()
        if len(common) == 1:
            kinds[f"{signal}/{column}"] = next(iter(common))
    return kinds


def rejudged(history: History, config: MonitorConfig) -> list[Assessment]:
    """The windows, oldest first, by a config; those before a window count in its recent ones."""
    has_recent = any(c.signal == RECENT_PERFORMANCE for _, stored in history for c in stored.checks)
    assessments: list[Assessment] = []
    earlier: list[JudgedMetric] = []
    for window, stored in history:
        assessment = rejudge(stored, config)
        metric = deciding_metric(assessment.checks)
        if has_recent and metric is not None:
            newest = JudgedMetric.of_window(window, metric)
            recent = recent_of(newest, earlier, config)
            assessment = replace(assessment, checks=(*assessment.checks, *recent))
            earlier.insert(0, newest)
        assessments.append(assessment)
    return assessments


def _judged(window: Window, stored: StoredWindow, tried: Assessment) -> _Judged:
    return _Judged(
        window,
        stored,
        tried.checks,
        {name: getattr(tried, name) for name in STATUSES},
        deciding_metric(metric_checks(stored, stored.config)),
        deciding_metric(tried.checks),
    )


def _episodes(
    rules: Iterable[TriedRule],
    starts: Sequence[datetime],
    history: Sequence[Sequence[Check]],
) -> Alerts:
    """The episodes of the rules that are enabled, by rule."""
    alerts: Alerts = []
    for item in rules:
        rule, condition = item.rule, condition_of(item.rule)
        if not item.enabled:
            continue
        verdicts = [
            combine([verdict_of(check, condition) for check in watched(rule, checks)])
            for checks in history
        ]
        closed = {
            max((index for index, start in enumerate(starts) if start <= through), default=-1)
            for through in item.closed
        }
        alerts += [
            (rule, episode)
            for episode in episodes(verdicts, rule.for_windows, rule.clear_windows, closed)
        ]
    return alerts


def _covered(episode: Episode, count: int) -> range:
    """The windows of an alert: from its first one to the last one before it ended."""
    return range(episode.opened, count if episode.ended is None else episode.ended)


def _with_fall(episode: Episode, falls: Sequence[bool | None]) -> bool | None:
    """Whether an alert had a window with a fall; None where none of its windows has labels."""
    judged = [falls[i] for i in _covered(episode, len(falls)) if falls[i] is not None]
    return any(judged) if judged else None


def _counts(alerts: Alerts, falls: Sequence[bool | None]) -> AlertCounts:
    fired = [episode for _, episode in alerts if episode.fired is not None]
    outcomes = [_with_fall(episode, falls) for episode in fired]
    alerted = {index for episode in fired for index in _covered(episode, len(falls))}
    fallen = [index for index, fall in enumerate(falls) if fall]
    return AlertCounts(
        len(fired),
        outcomes.count(True),
        outcomes.count(False),
        outcomes.count(None),
        len(fallen),
        sum(index not in alerted for index in fallen),
    )


def _firing(alerts: Alerts, count: int) -> list[int]:
    """How many alerts fire in each window."""
    firing = [0] * count
    for _, episode in alerts:
        if episode.fired is not None:
            for index in range(episode.fired, _covered(episode, count).stop):
                firing[index] += 1
    return firing


def _windows_frame(judged: Sequence[_Judged], alerts: Mapping[str, Alerts]) -> pd.DataFrame:
    import pandas as pd

    firing = {side: _firing(of_side, len(judged)) for side, of_side in alerts.items()}
    rows = [
        {
            "window": item.window.id,
            **{name: getattr(item.window, name) for name in ("start", "end", "model", "version")},
            **{f"{name}_{NOW}": getattr(item.window, name) for name in STATUSES},
            **{f"{name}_{TRIED}": status for name, status in item.tried_statuses.items()},
            **{f"alerts_{side}": firing[side][index] for side in (NOW, TRIED)},
            **_metric_row(item),
        }
        for index, item in enumerate(judged)
    ]
    frame = pd.DataFrame(rows, columns=list(REPLAYED))
    for name in ("value", "standard_error", "reference", "limit_now", "limit_tried"):
        frame[name] = pd.to_numeric(frame[name])
    return frame.assign(
        start=pd.to_datetime(frame["start"], utc=True),
        end=pd.to_datetime(frame["end"], utc=True),
        fall=frame["fall"].astype(object),
    )


def _metric_row(item: _Judged) -> dict[str, Any]:
    """The metric that decided, and where it fails by either settings."""
    check = item.primary
    if check is None:
        return {"metric": "", "fall": None}
    return {
        "metric": check.check,
        "value": check.score,
        "standard_error": check.standard_error,
        "reference": check.reference,
        "limit_now": check.threshold,
        "limit_tried": item.primary_tried.threshold if item.primary_tried else None,
        "fall": item.fall,
    }


def _episodes_frame(
    starts: Sequence[datetime], falls: Sequence[bool | None], alerts: Mapping[str, Alerts]
) -> pd.DataFrame:
    import pandas as pd

    def start(index: int | None) -> datetime | None:
        return None if index is None else starts[index]

    rows = [
        (
            side,
            rule.name,
            rule.severity,
            *(start(index) for index in (episode.opened, episode.fired, episode.ended)),
            _with_fall(episode, falls),
        )
        for side, of_side in alerts.items()
        for rule, episode in of_side
    ]
    frame = pd.DataFrame(rows, columns=list(EPISODES))
    times = {name: pd.to_datetime(frame[name], utc=True) for name in ("first", "fired", "cleared")}
    return frame.assign(**times, fall=frame["fall"].astype(object))


def _not_replayed(
    present: MonitorConfig, tried: MonitorConfig, history: Sequence[StoredWindow]
) -> list[str]:
    """What stored results cannot answer, in sentences."""
    notes = [
        f"{name} is left as it is: {why}"
        for name, why in NOT_REPLAYED.items()
        if getattr(present, name) != getattr(tried, name)
    ]
    checks = [check for window in history for check in window.checks]
    without = sum(lacks_score(check, present, tried) for check in checks)
    if without:
        notes.append(
            f"min_rows: {without:,} results with fewer rows than {present.min_rows:,} have no "
            "score and stay insufficient"
        )
    if tried.false_discovery_rate != present.false_discovery_rate:
        notes.append(
            "false_discovery_rate: what chance gives at another rate is interpolated, which "
            "matters for insufficient alone"
        )
    return notes + _without_results(tried, history, {check.check for check in checks})


def _without_results(
    tried: MonitorConfig, history: Sequence[StoredWindow], stored: set[str]
) -> list[str]:
    """Metrics and tests that the settings name and no window has."""
    signatures = {window.signature for window in history if window.checks}
    metrics = {
        metric.key
        for signature in signatures
        for metric in monitored_metrics(signature, tried.tolerances)
    }
    return [
        f"{name}: no window has results of it"
        for name in sorted((metrics | set(tried.primary.values())) - stored)
        if history
    ]
