"""Alerts: the state of a rule over the windows, and what people did about it.

Rules are evaluated in the transaction that stores a window's results. Each time all windows count
anew, so that a window whose labels came late has its effect in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from pilothouse.activity import record
from pilothouse.kit.clock import to_ms
from pilothouse.kit.errors import Conflict, NotFound
from pilothouse.kit.ids import uuid7
from pilothouse.monitoring import alert_rules, monitors
from pilothouse.monitoring.alert_state import (
    AlertState,
    Condition,
    Verdict,
    combine,
    evaluate,
    has_cleared,
)
from pilothouse.monitoring.check_titles import check_phrase
from pilothouse.monitoring.checks import PRIMARY
from pilothouse.monitoring.rule_verdicts import (
    busiest,
    compared,
    condition_of,
    of_deciding_outputs,
    signals_of,
    verdict_of,
    watched,
    worst_result,
)
from pilothouse.monitoring.rules import rule_kinds
from pilothouse.monitoring.tables import (
    ACKNOWLEDGED,
    FIRING,
    OPEN,
    PENDING,
    RESOLVED,
    Alert,
    AlertEvent,
    AlertRule,
    CheckResult,
    Monitor,
    Window,
    of_newest_revision,
)
from pilothouse.monitoring.windows import start_text
from pilothouse.storage import Store

VERBS = {PENDING: "opened", FIRING: "fired", ACKNOWLEDGED: "acknowledged", RESOLVED: "resolved"}


@dataclass(frozen=True)
class WindowReading:
    """The verdict of a rule on one window, with its worst result."""

    window: Window
    verdict: Verdict
    worst_result: CheckResult | None


def evaluate_rules(session: Session, store: Store, window: Window) -> None:
    """Evaluate every rule of the window's deployment, after its results were stored."""
    for rule in alert_rules.enabled(session, window.deployment):
        _evaluate_rule(session, store, rule, window)


def fired_by(session: Session, window: Window) -> list[Alert]:
    """The alerts that began to fire when this revision of the window was evaluated."""
    query = select(Alert).where(
        Alert.fired_window == window.id, Alert.fired_revision == window.revision
    )
    return list(session.exec(query.order_by(col(Alert.id))))


def acknowledge(session: Session, store: Store, alert_id: str, note: str) -> None:
    """Acknowledge a firing alert. Raises Conflict unless it fires."""
    alert = require(session, alert_id)
    if alert.state != FIRING:
        raise Conflict(f"the alert is {alert.state}; only a firing one is acknowledged.")
    alert.acknowledged_at, alert.acknowledged_by = store.now(), store.actor
    _move(session, store, alert, ACKNOWLEDGED, None, note)


def resolve(session: Session, store: Store, alert_id: str, note: str) -> None:
    """End an alert by hand: the windows up to now no longer count. Raises Conflict when ended."""
    alert = require(session, alert_id)
    if alert.state == RESOLVED:
        raise Conflict("the alert is resolved already.")
    newest = select(func.max(Window.start)).where(Window.deployment == alert.deployment)
    alert.closed_through = session.exec(newest).one()
    _end(session, store, alert, None, note)


def require(session: Session, alert_id: str) -> Alert:
    """The alert's row. Raises NotFound."""
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFound(f"there is no alert {alert_id!r}.")
    return alert


def resolve_for_rule(session: Session, store: Store, rule: AlertRule, note: str) -> None:
    """Resolve the open alert of a paused rule."""
    alert = _open_alert(session, rule)
    if alert is not None:
        _end(session, store, alert, None, note)


def reevaluate_without_window(session: Session, store: Store, window: Window) -> None:
    """Evaluate every rule without a removed window; an alert that depended on it ends."""
    began = start_text(window.start, window.end, window.zone)
    note = f"the window from {began} was removed"
    for rule in alert_rules.enabled(session, window.deployment):
        alert = _open_alert(session, rule)
        if alert is None:
            continue
        readings = read_newest(session, rule)
        state = evaluate([r.verdict for r in readings], rule.for_windows, rule.clear_windows)
        if _is_over(alert, state):
            _end(session, store, alert, None, note)
        else:
            _update(alert, rule, readings, state)
            session.add(alert)


def _evaluate_rule(session: Session, store: Store, rule: AlertRule, window: Window) -> None:
    readings = read_newest(session, rule)
    verdicts = [reading.verdict for reading in readings]
    state = evaluate(verdicts, rule.for_windows, rule.clear_windows)
    alert = _open_alert(session, rule)
    if alert is not None and _is_over(alert, state):
        _end(session, store, alert, window, _end_note(alert, read(session, rule)))
        alert = None
    if state.phase == "inactive":
        return

    alert = alert or _open(session, store, rule, readings, state)
    _update(alert, rule, readings, state)
    session.add(alert)
    session.flush()
    if state.phase == "firing" and alert.state == PENDING:
        alert.fired_at = store.now()
        alert.fired_window, alert.fired_revision = window.id, window.revision
        _move(session, store, alert, FIRING, window, alert.message)


def _end_note(alert: Alert, readings: Sequence[WindowReading]) -> str:
    if readings and alert.last_window not in {reading.window.id for reading in readings}:
        return "its windows no longer count, as the monitor's are others now"
    return "the condition has cleared"


def _is_over(alert: Alert, state: AlertState) -> bool:
    """Whether the condition has cleared, also when a new episode has begun since."""
    return state.phase == "inactive" or (state.phase == "pending" and alert.state != PENDING)


def read_newest(session: Session, rule: AlertRule) -> list[WindowReading]:
    """The verdicts on the newest windows, as many as the present state depends on.

    PERF: a year has 8,760 hours. After as many clear windows in a row as end an alert, nothing
    before them matters.
    """
    most = 4 * (rule.for_windows + rule.clear_windows) + 16
    while True:
        readings, is_whole = _read(session, rule, most)
        if is_whole or has_cleared([r.verdict for r in readings], rule.clear_windows):
            return readings
        most *= 4


def read(session: Session, rule: AlertRule) -> list[WindowReading]:
    """The verdict of the rule on each window that counts for it, oldest first."""
    return _read(session, rule, None)[0]


def read_between(
    session: Session, rule: AlertRule, first: datetime, last: datetime
) -> list[WindowReading]:
    """The same of the windows that begin between two instants, both included."""
    return _verdicts(session, rule, _windows(session, rule, None, (first, last))[0])


def _read(session: Session, rule: AlertRule, most: int | None) -> tuple[list[WindowReading], bool]:
    """The verdicts on at most so many of the newest windows, and whether these are all."""
    windows, is_whole = _windows(session, rule, most)
    return _verdicts(session, rule, windows), is_whole


def _verdicts(session: Session, rule: AlertRule, windows: Sequence[Window]) -> list[WindowReading]:
    results = _results(session, rule, windows)
    condition = condition_of(rule)
    return [_reading(window, results.get(window.id, []), condition) for window in windows]


def _reading(window: Window, results: Sequence[CheckResult], condition: Condition) -> WindowReading:
    judged: list[tuple[Verdict, CheckResult]] = [
        (verdict_of(result, condition), result) for result in results
    ]
    breaches = [result for verdict, result in judged if verdict == "breach"]
    others = [result for verdict, result in judged if verdict != "unknown"]
    worst = worst_result(breaches or others, condition)
    return WindowReading(window, combine([verdict for verdict, _ in judged]), worst)


def _windows(
    session: Session,
    rule: AlertRule,
    most: int | None,
    between: tuple[datetime, datetime] | None = None,
) -> tuple[list[Window], bool]:
    """The deployment's windows after the last end by hand; of one span, the busiest version's.

    Those of other settings, from before the monitor's were changed, do not count: a day and a week
    in a row are not two windows in a row.
    """
    monitor = session.get(Monitor, rule.deployment)
    scheme = monitors.config_of(monitor).scheme if monitor else None
    closed = session.exec(
        select(func.max(Alert.closed_through)).where(Alert.rule_id == rule.id)
    ).one()
    query = select(Window).where(
        Window.deployment == rule.deployment, col(Window.removed_at).is_(None)
    )
    if closed is not None:
        query = query.where(col(Window.start) > closed)
    if between is not None:
        query = query.where(col(Window.start).between(*between))
    query = query.order_by(col(Window.start).desc(), col(Window.rows))
    newest = list(session.exec(query if most is None else query.limit(most)))[::-1]
    is_whole = most is None or len(newest) < most
    if not is_whole:  # of the oldest span, some versions may be missing
        newest = [window for window in newest if window.start > newest[0].start]
    return busiest(newest, scheme), is_whole


def _results(
    session: Session, rule: AlertRule, windows: Sequence[Window]
) -> dict[str, list[CheckResult]]:
    """The results that the rule watches, of each window's newest revision."""
    query = (
        select(CheckResult)
        .join(Window, of_newest_revision())
        .where(Window.deployment == rule.deployment, col(CheckResult.signal).in_(signals_of(rule)))
    )
    if rule.check == PRIMARY:
        query = query.where(CheckResult.primary)
    elif of_deciding_outputs(rule):
        # Which outputs decide is written on their primary test, which may be another one.
        query = query.where(col(CheckResult.primary) | (col(CheckResult.check) == rule.check))
    else:
        query = query.where(CheckResult.check == rule.check)

    if not windows:
        return {}
    query = query.where(col(Window.start).between(windows[0].start, windows[-1].start))
    by_window: dict[str, list[CheckResult]] = {window.id: [] for window in windows}
    for result in session.exec(query):
        if result.window_id in by_window:
            by_window[result.window_id].append(result)
    return {window: watched(rule, results) for window, results in by_window.items()}


def _open_alert(session: Session, rule: AlertRule) -> Alert | None:
    query = select(Alert).where(Alert.fingerprint == fingerprint(rule), col(Alert.state).in_(OPEN))
    return session.exec(query).first()


def fingerprint(rule: AlertRule) -> str:
    """What makes two alerts the same one: the deployment and the rule."""
    return hashlib.sha256(f"{rule.deployment}\n{rule.id}".encode()).hexdigest()[:32]


def _open(
    session: Session,
    store: Store,
    rule: AlertRule,
    readings: Sequence[WindowReading],
    state: AlertState,
) -> Alert:
    assert state.opened is not None
    first = readings[state.opened].window
    alert = Alert(
        id=uuid7(to_ms(store.now())),
        fingerprint=fingerprint(rule),
        rule_id=rule.id,
        deployment=rule.deployment,
        name=rule.name,
        severity=rule.severity,
        action=rule.action,
        state=PENDING,
        breaches=state.breaches,
        message="",
        first_window=first.id,
        last_window=first.id,
        opened_at=store.now(),
    )
    _update(alert, rule, readings, state)
    session.add(alert)
    session.flush()
    _record_transition(session, store, alert, "", PENDING, first, alert.message)

    return alert


def _update(
    alert: Alert, rule: AlertRule, readings: Sequence[WindowReading], state: AlertState
) -> None:
    """Update the alert to the newest window with a verdict."""
    conclusive = [
        reading for reading in readings[state.opened :] if reading.worst_result is not None
    ]
    breaches = [reading for reading in conclusive if reading.verdict == "breach"]
    last = (breaches or conclusive)[-1]
    alert.breaches = len(breaches)
    alert.first_window = conclusive[0].window.id
    alert.last_window = conclusive[-1].window.id
    if last.worst_result is not None:
        alert.score = last.worst_result.score
        alert.limit = _limit(rule, last.worst_result)
        alert.message = breach_message(rule, last.worst_result, last.window)


def _limit(rule: AlertRule, result: CheckResult) -> float | None:
    """The score at which the rule breaches."""
    kind = rule_kinds.get(rule.condition)
    if not kind.in_tolerances:
        return kind.limit(result.reference, rule.threshold)
    tolerances = kind.limit(0.0, rule.threshold)
    if tolerances is None or result.reference is None or result.threshold is None:
        return None
    return result.reference + tolerances * (result.threshold - result.reference)


def breach_message(rule: AlertRule, result: CheckResult, window: Window) -> str:
    """The breach in a sentence."""
    check = check_phrase(result.check, result.signal)
    subject = f"{check} of {result.column}" if result.column else check
    score, reference = compared(result, rule.condition)
    breach = rule_kinds.get(rule.condition).describe(score or 0.0, reference, rule.threshold)
    if rule_kinds.get(rule.condition).in_tolerances and result.reference is not None:
        breach += f" (reference {result.reference:.4g}, limit {_limit(rule, result) or 0.0:.4g})"
    value = f"{result.score or 0.0:.4g}"
    began = start_text(window.start, window.end, window.zone)
    return f"{subject} was {value} in the window from {began}, {breach}"


def _end(session: Session, store: Store, alert: Alert, window: Window | None, note: str) -> None:
    alert.resolved_at, alert.resolved_by = store.now(), store.actor
    _move(session, store, alert, RESOLVED, window, note)


def _move(
    session: Session, store: Store, alert: Alert, state: str, window: Window | None, note: str
) -> None:
    before, alert.state = alert.state, state
    session.add(alert)
    session.flush()
    _record_transition(session, store, alert, before, state, window, note)


def _record_transition(
    session: Session,
    store: Store,
    alert: Alert,
    before: str,
    after: str,
    window: Window | None,
    note: str,
) -> None:
    """Every transition is an event of the alert and an activity."""
    session.add(
        AlertEvent(
            alert_id=alert.id,
            at=store.now(),
            before=before,
            after=after,
            by=store.actor,
            window_id=None if window is None else window.id,
            note=note,
        )
    )
    record(
        session,
        store,
        VERBS[after],
        "alert",
        alert.id,
        name=f"{alert.deployment}: {alert.name}",
        before={"state": before} if before else None,
        after={"state": after},
        reason=note,
    )
