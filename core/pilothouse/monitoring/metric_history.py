"""Reads the deciding metric of the windows before one, as they were held against one reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pilothouse.monitoring.checks import PERFORMANCE, Check
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.recent_checks import (
    MAX_WINDOWS,
    MeasuredWindow,
    comparable,
    is_measured,
    measured_window,
    recent_checks,
)
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision
from pilothouse.monitoring.windows import Span
from pilothouse.storage import Store

LOOKED_AT = 8  # times as many windows are read: some overlap, some have too few labels


@dataclass(frozen=True)
class JudgedMetric:
    """The deciding metric of one window, by the version that answered, with its rows."""

    answered: tuple[str, int]
    span: Span
    rows: int
    check: Check

    @classmethod
    def of_window(cls, window: Window, check: Check) -> JudgedMetric:
        """That of a stored window."""
        answered = (window.model, window.version)
        return cls(answered, Span(window.start, window.end), window.rows, check)

    def has_enough(self, config: MonitorConfig) -> bool:
        """Whether it has as many labels as a monitor wants."""
        return self.check.n_current >= max(config.min_labelled, config.min_coverage * self.rows)

    @property
    def held_against(self) -> tuple[object, ...]:
        """What windows that count together have in common."""
        check = self.check
        return (self.answered, check.check, check.reference, check.reference_error)


def recent_of(
    window: JudgedMetric, earlier: Iterable[JudgedMetric], config: MonitorConfig
) -> list[Check]:
    """The check of a window with those before it, the newest first, as they were judged."""
    measured = [
        (other.span, measured_window(other.check))
        for other in earlier
        if other.held_against == window.held_against
        and is_measured(other.check)
        and other.has_enough(config)
    ]
    before = comparable(measured, window.span, config.scheme)
    return recent_checks([window.check], before, window.has_enough(config))


def checks_with_history(
    store: Store,
    answered: tuple[str, str, int],
    span: Span,
    config: MonitorConfig,
    checks: Sequence[Check],
    labelled_share: float,
) -> list[Check]:
    """The check of the deciding metric of a window together with the windows before it.

    `answered` are deployment, model and version; none without a metric or an earlier window.
    """
    current = next((check for check in checks if is_measured(check)), None)
    if current is None:
        return []
    enough = current.n_current >= config.min_labelled and labelled_share >= config.min_coverage
    with store.read() as session:
        earlier = _earlier(session, answered, span, config, current)
    return recent_checks(checks, earlier, enough)


def _earlier(
    session: Session,
    answered: tuple[str, str, int],
    span: Span,
    config: MonitorConfig,
    current: Check,
) -> list[MeasuredWindow]:
    """The windows before this one with enough labels, held against the same reference."""
    deployment, model, version = answered
    query = (
        select(Window, CheckResult)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == deployment,
            Window.model == model,
            Window.version == version,
            Window.end <= span.start,
            col(Window.removed_at).is_(None),
            CheckResult.signal == PERFORMANCE,
            CheckResult.primary,
            CheckResult.check == current.check,
            CheckResult.reference == current.reference,
            CheckResult.reference_error == current.reference_error,
            CheckResult.n_current >= config.min_labelled,
            CheckResult.n_current >= config.min_coverage * Window.rows,
        )
        .order_by(col(Window.end).desc())
        .limit(LOOKED_AT * MAX_WINDOWS)
    )
    windows = [
        (
            Span(window.start, window.end),
            MeasuredWindow(result.score, result.standard_error, result.n_current),
        )
        for window, result in session.exec(query)
        if result.score is not None and result.standard_error
    ]
    return comparable(windows, span, config.scheme)
