"""How an alert is seen: its severity after harm, and whether a silence or a cause mutes it.

Muted is a view, never a state: the alert moves on, and who is notified of it waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from sqlmodel import Session, col, or_, select

from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    ESTIMATED_PERFORMANCE,
    FAIL,
    NOT_EVALUATED,
    PERFORMANCE,
    RECENT_PERFORMANCE,
)
from pilothouse.monitoring.notifications.severity import (
    DRIFT,
    harm_of,
    notified_severity,
)
from pilothouse.monitoring.tables import (
    ACKNOWLEDGED,
    FIRING,
    RESOLVED,
    Alert,
    AlertRule,
    CheckResult,
    Silence,
    Window,
    of_newest_revision,
)
from pilothouse.monitoring.windows import start_text

SILENCED, INHIBITED = "silenced", "inhibited"
SCHEMA = "absent_inputs"  # it fails when more than half of the inputs are absent
# Alerts on these stand for drift: inputs are missing, or of another type.
SCHEMA_CHECKS = (SCHEMA, "type_change")


@dataclass(frozen=True)
class AlertView:
    """How an alert is notified.

    `muted` is "", "silenced" or "inhibited", with its reason; `until` is the end of a silence.
    `cause` is the alert that stands for this one, `causes` are all that do: a channel that hears of
    none of them is sent this one, see `outbox`. Without a cause the newest data say why: that mutes
    an alert where it has been sent before, and everywhere when labels overrule it (`overruled`).
    `severity` is that of a notification.
    """

    severity: str
    muted: str = ""
    reason: str = ""
    until: datetime | None = None
    causes: tuple[str, ...] = ()
    overruled: bool = False

    @property
    def cause(self) -> str:
        """The first alert that stands for this one; "" without any."""
        return self.causes[0] if self.causes else ""


@dataclass
class Facts:
    """What the views of some alerts rest on, read with a query for each kind of row."""

    now: datetime
    rules: dict[str, AlertRule] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    newest: dict[str, Window] = field(default_factory=dict)
    results: dict[str, list[CheckResult]] = field(default_factory=dict)
    causes: list[Alert] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)


def views(session: Session, alerts: Sequence[Alert], now: datetime) -> dict[str, AlertView]:
    """The view of each alert, by its id."""
    if not alerts:
        return {}
    facts = _read(session, alerts, now)
    return {alert.id: _view(alert, facts) for alert in alerts}


def active_silences(session: Session, now: datetime) -> list[Silence]:
    """The silences that hold now, the one that ends last first."""
    query = select(Silence).where(col(Silence.ends_at) > now)
    return list(session.exec(query.order_by(col(Silence.ends_at).desc())))


def matches(silence: Silence, alert: Alert) -> bool:
    """Whether a silence is about an alert: by deployment, rule, and the rule's severity."""
    return all(
        fnmatchcase(value, pattern)
        for value, pattern in (
            (alert.deployment, silence.deployment),
            (alert.name, silence.rule),
            (alert.severity, silence.severity),
        )
    )


def _view(alert: Alert, facts: Facts) -> AlertView:
    signal = facts.rules[alert.rule_id].signal
    results = facts.results.get(alert.last_window, [])
    severity = notified_severity(signal, alert.severity, harm_of(results))
    for silence in facts.silences:
        if matches(silence, alert):
            reason = f"silenced by {silence.created_by}: {silence.reason}"
            return AlertView(severity, SILENCED, reason, silence.ends_at)
    if alert.state != RESOLVED:
        return _inhibited(alert, signal, facts, AlertView(severity))
    return AlertView(severity)


def _inhibited(alert: Alert, signal: str, facts: Facts, view: AlertView) -> AlertView:
    """The view of an alert that another fact explains; the same one when none does."""
    view = replace(view, muted=INHIBITED)
    if signal == ESTIMATED_PERFORMANCE and _is_realised(facts.results.get(alert.last_window, [])):
        reason = "labels have come: the realised performance of this window counts"
        return replace(view, reason=reason, overruled=True)
    if causes := [other for other in facts.causes if _explains(other, alert, signal, facts)]:
        reason = f"one cause: the alert {causes[0].name} is about the same windows"
        return replace(view, reason=reason, causes=tuple(other.id for other in causes))
    if signal in DRIFT and (reason := _broken_data(alert, facts)):
        return replace(view, reason=reason)
    return replace(view, muted="")


def _explains(cause: Alert, alert: Alert, signal: str, facts: Facts) -> bool:
    rule = facts.rules[cause.rule_id]
    if signal not in _explained_by(rule) or not _shares_windows(alert, cause, facts):
        return False
    # One absent input of many does not explain that most columns have drifted.
    results = facts.results.get(cause.last_window, [])
    return rule.check != SCHEMA or any(_breaks_schema(result) for result in results)


def _broken_data(alert: Alert, facts: Facts) -> str:
    """Why the drift of a deployment says nothing: its newest data are missing or broken."""
    newest = facts.newest.get(alert.deployment)
    if newest is not None and newest.rows == 0:
        return f"no rows came in the window from {_began(newest)}"
    windows = dict.fromkeys((alert.last_window, newest.id if newest is not None else ""))
    for window in windows:
        if any(_breaks_schema(result) for result in facts.results.get(window, [])):
            return f"the schema is broken in the window from {_began(facts.windows[window])}"
    return ""


def _began(window: Window) -> str:
    return start_text(window.start, window.end, window.zone)


def _breaks_schema(result: CheckResult) -> bool:
    return result.signal == DATA_QUALITY and result.check == SCHEMA and result.status == FAIL


def _explained_by(rule: AlertRule) -> tuple[str, ...]:
    """The signals whose alerts an alert of this rule stands for."""
    if rule.signal == PERFORMANCE:
        return (*DRIFT, RECENT_PERFORMANCE, ESTIMATED_PERFORMANCE)
    return DRIFT if rule.check in SCHEMA_CHECKS else ()


def _is_realised(results: Iterable[CheckResult]) -> bool:
    return any(
        result.signal == PERFORMANCE and result.primary and result.status not in NOT_EVALUATED
        for result in results
    )


def _shares_windows(alert: Alert, other: Alert, facts: Facts) -> bool:
    """Whether the windows of both alerts overlap in time; labels let performance lag behind."""
    if alert.deployment != other.deployment:
        return False
    one, two = _span(alert, facts), _span(other, facts)
    return one[0] < two[1] and two[0] < one[1]


def _span(alert: Alert, facts: Facts) -> tuple[datetime, datetime]:
    return facts.windows[alert.first_window].start, facts.windows[alert.last_window].end


def _read(session: Session, alerts: Sequence[Alert], now: datetime) -> Facts:
    deployments = {alert.deployment for alert in alerts}
    rules = session.exec(select(AlertRule).where(col(AlertRule.deployment).in_(deployments)))
    facts = Facts(now, {rule.id: rule for rule in rules})
    facts.silences = active_silences(session, now)
    facts.causes = _causes(session, deployments)
    facts.newest = newest_windows(session, deployments)
    _read_windows(session, alerts, facts)
    return facts


def _causes(session: Session, deployments: Iterable[str]) -> list[Alert]:
    """Alerts on realised performance or on the schema that fire, or that somebody handles."""
    query = (
        select(Alert)
        .join(AlertRule, col(AlertRule.id) == col(Alert.rule_id))
        .where(
            col(Alert.deployment).in_(deployments),
            col(Alert.state).in_((FIRING, ACKNOWLEDGED)),
            or_(
                col(AlertRule.signal) == PERFORMANCE,
                (col(AlertRule.signal) == DATA_QUALITY) & col(AlertRule.check).in_(SCHEMA_CHECKS),
            ),
        )
    )
    return list(session.exec(query.order_by(col(Alert.id))))


def newest_windows(session: Session, deployments: Iterable[str]) -> dict[str, Window]:
    """Of each deployment the window that began last; of one span, the busiest version's."""
    newest = {}
    for deployment in deployments:
        query = select(Window).where(
            Window.deployment == deployment, col(Window.removed_at).is_(None)
        )
        query = query.order_by(col(Window.start).desc(), col(Window.rows).desc())
        window = session.exec(query.limit(1)).first()
        if window is not None:
            newest[deployment] = window
    return newest


def _read_windows(session: Session, alerts: Sequence[Alert], facts: Facts) -> None:
    alerts = (*alerts, *facts.causes)
    ids = {alert.last_window for alert in alerts} | {alert.first_window for alert in alerts}
    ids |= {window.id for window in facts.newest.values()}
    windows = session.exec(select(Window).where(col(Window.id).in_(ids)))
    facts.windows = {window.id: window for window in windows}
    # PERF: only what the views look at, not the results of every column.
    is_metric = col(CheckResult.primary).is_(True) & col(CheckResult.signal).in_(
        (PERFORMANCE, ESTIMATED_PERFORMANCE)
    )
    is_schema = (col(CheckResult.signal) == DATA_QUALITY) & (col(CheckResult.check) == SCHEMA)
    query = (
        select(CheckResult)
        .join(Window, of_newest_revision())
        .where(col(Window.id).in_(ids), or_(is_metric, is_schema))
    )
    for result in session.exec(query):
        facts.results.setdefault(result.window_id, []).append(result)
