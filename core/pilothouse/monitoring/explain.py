"""Explains a window: gathers what changed, since when, whether it hurts, what came before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from pilothouse.experiments.metrics.kinds import metric_kind
from pilothouse.monitoring import alerts, baselines, frames, monitors, window_store
from pilothouse.monitoring.checks import (
    DATA_QUALITY,
    ESTIMATED_PERFORMANCE,
    FAIL,
    FEATURE_DRIFT,
    NOT_EVALUATED,
    PERFORMANCE,
    RECENT_PERFORMANCE,
    WARN,
)
from pilothouse.monitoring.column_changes import MISSING, figures
from pilothouse.monitoring.evaluated_settings import evaluated_config
from pilothouse.monitoring.example_rows import example_rows_of
from pilothouse.monitoring.explanation import (
    ColumnCause,
    Explanation,
    MetricChange,
    RecentFall,
)
from pilothouse.monitoring.explanation_text import sentences
from pilothouse.monitoring.masked_values import read_profile
from pilothouse.monitoring.metric_history import JudgedMetric, counted, earlier_metrics
from pilothouse.monitoring.past_windows import PastWindow, past_windows
from pilothouse.monitoring.plain_json import plain_rows
from pilothouse.monitoring.ranking import BREACHED
from pilothouse.monitoring.rule_verdicts import busiest
from pilothouse.monitoring.segments import segments_of
from pilothouse.monitoring.tables import (
    Alert,
    AlertRule,
    CheckResult,
    Window,
    of_newest_revision,
)
from pilothouse.monitoring.upstream_events import (
    UpstreamEvent,
    events_between,
    version_changes,
)
from pilothouse.monitoring.window_store import stored_check

if TYPE_CHECKING:
    import pandas as pd

    from pilothouse.storage import Store

MAX_COLUMNS = 5
MAX_HISTORY = 500  # windows before one in which the beginning of a change is searched
LOOK_BACK = 2  # how many windows before the change events are searched
TWO_SIDED_95 = 1.96


def explain_alert(
    session: Session, store: Store, alert_id: str, revealed: Collection[str] = ()
) -> Explanation:
    """The explanation of the newest window in which the alert's rule breaches. Raises NotFound."""
    alert = alerts.require(session, alert_id)
    return explain_window(session, store, _breached_window(session, alert), revealed)


def explain_window(
    session: Session, store: Store, window_id: str, revealed: Collection[str] = ()
) -> Explanation:
    """The explanation of one window. Raises NotFound.

    Values of personal data are masked but where the window's deployment is `revealed`.
    """
    window = window_store.require(session, window_id)
    history = _history(session, window)
    results = frames.results(session, window_id)
    stored = read_profile(session, store, window, revealed)
    columns = _columns(session, store, window, history, stored["columns"])
    metric = _metric(session, results, history)
    if metric is not None:
        metric = replace(metric, recent=_recent(session, window, stored))
    since = _since(window, metric, columns)
    events = _events(session, window, history, since)
    text = sentences(window, metric, columns, events, since)

    return Explanation(
        window=window.id,
        deployment=window.deployment,
        start=window.start,
        end=window.end,
        rows=window.rows,
        labelled=window.labelled,
        since=since,
        metric=metric,
        columns=columns,
        events=events,
        sentences=text,
        segments=segments_of(stored),
        example=example_rows_of(stored, columns[0].column) if columns else None,
    )


def _breached_window(session: Session, alert: Alert) -> str:
    """The newest window of an alert's episode that breaches its rule, else its last window."""
    rule = session.get(AlertRule, alert.rule_id)
    first, last = (session.get(Window, key) for key in (alert.first_window, alert.last_window))
    if rule is None or first is None or last is None:
        return alert.last_window
    breached = [
        reading.window.id
        for reading in alerts.read_between(session, rule, first.start, last.start)
        if reading.verdict == "breach"
    ]
    return breached[-1] if breached else alert.last_window


def _history(session: Session, window: Window) -> list[PastWindow]:
    """The last windows up to this one, oldest first; of one span, the busiest version's.

    Windows of another kind are left out: their results are not comparable.
    """
    earlier = past_windows(session, window.deployment, window.start, MAX_HISTORY)
    scheme, newest = monitors.scheme_of(session, window.deployment), PastWindow.of_window(window)
    alike = (part for part in earlier if scheme.are_alike(part.span, newest.span))
    return [*busiest(alike), newest]


def _columns(
    session: Session,
    store: Store,
    window: Window,
    history: Sequence[PastWindow],
    profiles: Mapping[str, Any],
) -> tuple[ColumnCause, ...]:
    importance = baselines.importance(store, session, window.model, window.version)
    ranking = frames.drift_ranking(session, store.artifacts, window.id, importance)
    breached = ranking[ranking["status"].isin(BREACHED)].head(MAX_COLUMNS)
    rows = plain_rows(breached)
    statuses = _column_statuses(session, history, [str(row["column"]) for row in rows])
    return tuple(_cause(row, profiles, statuses, history) for row in rows)


def _cause(
    row: Mapping[str, Any],
    profiles: Mapping[str, Any],
    statuses: Mapping[tuple[str, str], Mapping[str, str]],
    history: Sequence[PastWindow],
) -> ColumnCause:
    name, check = str(row["column"]), str(row["check"])
    profile = profiles.get(f"{FEATURE_DRIFT}/{name}")
    changes = () if profile is None else figures(profile)
    # The run is that of the check which the first figure is about: drift is often older.
    missing = statuses.get((name, MISSING), {}).get(history[-1].id)
    if changes and changes[0].what == MISSING and missing in BREACHED:
        check = MISSING
    by_window = statuses[name, check]
    first, length = breach_run([by_window.get(window.id) for window in history])
    return ColumnCause(
        column=name,
        status=by_window[history[-1].id],
        check=check,
        changed_share=row["changed_share"],
        importance=row["importance"],
        harm=row["harm"],
        since=history[first].start,
        windows=length,
        figures=changes,
    )


def breach_run(statuses: Sequence[str | None]) -> tuple[int, int]:
    """Where the last run of breaches begins, and how many breaches it has.

    The last status is a breach. One that is missing or could not be judged neither ends a run nor
    belongs to it.
    """
    first, length = len(statuses) - 1, 1
    for index in range(len(statuses) - 2, -1, -1):
        status = statuses[index]
        if status is None or (status in NOT_EVALUATED and status not in BREACHED):
            continue
        if status not in BREACHED:
            break
        first, length = index, length + 1
    return first, length


def _column_statuses(
    session: Session, history: Sequence[PastWindow], columns: Sequence[str]
) -> dict[tuple[str, str], dict[str, str]]:
    """The status in each window, by column and deciding check."""
    query = (
        select(CheckResult.window_id, CheckResult.column, CheckResult.check, CheckResult.status)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == history[-1].deployment,
            col(Window.start) >= history[0].start,
            col(CheckResult.column).in_(columns),
            (col(CheckResult.primary) & (CheckResult.signal == FEATURE_DRIFT))
            | (CheckResult.signal == DATA_QUALITY),
        )
    )
    statuses: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for window_id, column, check, status in session.exec(query):
        statuses[column, check][window_id] = status
    return statuses


def _metric(
    session: Session, results: pd.DataFrame, history: Sequence[PastWindow]
) -> MetricChange | None:
    """The primary metric; None when nothing is measured."""
    chosen = results[(results["signal"] == PERFORMANCE) & results["primary"]]
    if chosen.empty:
        return None
    row = plain_rows(chosen.head(1))[0]
    value, error = row["score"], row["standard_error"]
    bounds = (None, None)
    if value is not None and error is not None:
        bounds = value - TWO_SIDED_95 * error, value + TWO_SIDED_95 * error
    first, length = None, 0
    if row["status"] in (WARN, FAIL):
        statuses = _metric_statuses(session, history)
        index, length = breach_run([statuses.get(window.id) for window in history])
        first = history[index].start

    return MetricChange(
        metric=row["check"],
        title=metric_kind(row["check"]).title,
        status=row["status"],
        value=value,
        low=bounds[0],
        high=bounds[1],
        reference=row["reference"],
        since=first,
        windows=length,
        estimated=_estimate(results, row["check"]),
    )


def _recent(session: Session, window: Window, stored: Mapping[str, Any]) -> RecentFall | None:
    """The fall of the last windows together; None where they do not show one."""
    query = select(CheckResult).where(
        CheckResult.window_id == window.id,
        CheckResult.revision == window.revision,
        CheckResult.primary,
        col(CheckResult.signal).in_((PERFORMANCE, RECENT_PERFORMANCE)),
    )
    checks = {result.signal: stored_check(result) for result in session.exec(query)}
    recent = checks.get(RECENT_PERFORMANCE)
    if recent is None or recent.status not in BREACHED or recent.score is None:
        return None
    config = monitors.monitor_info(session, window.deployment).config
    config = evaluated_config(stored, config)
    newest = JudgedMetric.of_window(window, checks[PERFORMANCE])
    earlier = earlier_metrics(session, window.deployment, newest, config)
    together = [newest, *counted(newest, earlier, config)]
    half = TWO_SIDED_95 * (recent.standard_error or 0.0)
    return RecentFall(
        value=recent.score,
        low=recent.score - half,
        high=recent.score + half,
        since=together[-1].span.start,
        windows=len(together),
        alone=sum(part.check.status in BREACHED for part in together),
    )


def _estimate(results: pd.DataFrame, metric: str) -> float | None:
    """The metric as it is estimated without labels; None where nothing estimates it."""
    estimates = results[(results["signal"] == ESTIMATED_PERFORMANCE) & (results["check"] == metric)]
    scores = estimates["score"].dropna()
    return float(scores.iloc[0]) if len(scores) else None


def _metric_statuses(session: Session, history: Sequence[PastWindow]) -> dict[str, str]:
    query = (
        select(CheckResult.window_id, CheckResult.status)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == history[-1].deployment,
            col(Window.start) >= history[0].start,
            CheckResult.signal == PERFORMANCE,
            CheckResult.primary,
        )
    )
    return dict(session.exec(query).all())


def _since(window: Window, metric: MetricChange | None, columns: Sequence[ColumnCause]) -> datetime:
    """When it began: the fall of the metric, in one window or in the last ones together, else the
    change of the first column."""
    if metric is not None and metric.since is not None:
        return metric.since
    if metric is not None and metric.recent is not None:
        return metric.recent.since
    return columns[0].since if columns else window.start


def _events(
    session: Session, window: Window, history: Sequence[PastWindow], since: datetime
) -> tuple[UpstreamEvent, ...]:
    """Events before the end of the first changed window, the one nearest its start first."""
    first = next(earlier for earlier in history if earlier.start == since)
    length = first.end - first.start
    begin, end = since - LOOK_BACK * length, first.end
    logged = events_between(session, window.deployment, window.model, begin, end)
    switched = [event for event in version_changes(history) if begin <= event.at < end]
    events = [*logged, *switched]
    return tuple(sorted(events, key=lambda event: abs(event.at - since)))
