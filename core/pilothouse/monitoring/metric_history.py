"""Reads the deciding metric of the windows before one, as they were held against one reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pilothouse.monitoring.checks import PERFORMANCE, Check
from pilothouse.monitoring.monitor_config import MonitorConfig
from pilothouse.monitoring.recent_checks import (
    MAX_WINDOWS,
    comparable,
    is_measured,
    measured_window,
    recent_checks,
)
from pilothouse.monitoring.tables import CheckResult, Window, of_newest_revision, span_of
from pilothouse.monitoring.window_store import stored_check
from pilothouse.monitoring.windows import Span

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
        return cls(answered, span_of(window), window.rows, check)

    def has_enough(self, config: MonitorConfig) -> bool:
        """Whether it has as many labels as a monitor wants."""
        return self.check.n_current >= max(config.min_labelled, config.min_coverage * self.rows)

    @property
    def held_against(self) -> tuple[object, ...]:
        """What windows that count together have in common."""
        check = self.check
        return (self.answered, check.check, check.reference, check.reference_error)


def deciding_metric(checks: Iterable[Check]) -> Check | None:
    """The metric on labelled rows that decides; None where nothing is measured."""
    return next((c for c in checks if c.signal == PERFORMANCE and c.primary), None)


def recent_of(
    window: JudgedMetric, earlier: Iterable[JudgedMetric], config: MonitorConfig
) -> list[Check]:
    """The check of a window with those before it, the newest first, as they were judged."""
    before = [measured_window(other.check) for other in counted(window, earlier, config)]
    return recent_checks([window.check], before, window.has_enough(config))


def counted(
    window: JudgedMetric, earlier: Iterable[JudgedMetric], config: MonitorConfig
) -> list[JudgedMetric]:
    """Of the windows before one, the newest first, those that count together with it."""
    measured = {
        other.span: other
        for other in earlier
        if other.held_against == window.held_against
        and is_measured(other.check)
        and other.has_enough(config)
    }
    return [measured[span] for span in comparable(measured, window.span, config.scheme)]


def earlier_metrics(
    session: Session, deployment: str, window: JudgedMetric, config: MonitorConfig
) -> list[JudgedMetric]:
    """The deciding metric of the stored windows before one, the newest first, for `recent_of`."""
    model, version = window.answered
    check = window.check
    query = (
        select(Window, CheckResult)
        .join(Window, of_newest_revision())
        .where(
            Window.deployment == deployment,
            Window.model == model,
            Window.version == version,
            Window.start < window.span.start,
            Window.end <= window.span.start,
            col(Window.removed_at).is_(None),
            CheckResult.signal == PERFORMANCE,
            CheckResult.primary,
            # PERF: what cannot count is not read, so that those that can are among the newest.
            CheckResult.check == check.check,
            CheckResult.reference == check.reference,
            CheckResult.reference_error == check.reference_error,
            CheckResult.n_current >= config.min_labelled,
            CheckResult.n_current >= config.min_coverage * Window.rows,
        )
        .order_by(col(Window.start).desc())
        .limit(LOOKED_AT * MAX_WINDOWS)
    )
    return [
        JudgedMetric.of_window(earlier, stored_check(result))
        for earlier, result in session.exec(query)
    ]
