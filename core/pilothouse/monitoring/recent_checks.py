"""The metric that decides over the last windows together: falls that are too small for one window.

Chance hides a fall of a third of its own size in every single window, and never in eight of them.
The windows' metrics are averaged with weights of one over their variance. A window that is worse
than chance explains counts as much as chance explains: it has been judged by itself, and one bad
week shall not make the eight that follow it bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pilothouse.comparison.statistics.standard_errors import StandardError
from pilothouse.monitoring.checks import PERFORMANCE, RECENT_PERFORMANCE, WARN, Check, CheckLimits
from pilothouse.monitoring.metric_chance import ERRORS, beyond_chance
from pilothouse.monitoring.windows import Span, WindowScheme

MAX_WINDOWS = 8
METHOD = "weighted mean of the last {} windows"
ERROR_METHOD = "standard errors of the windows"


@dataclass(frozen=True)
class MeasuredWindow:
    """The metric of one window with its standard error and its number of labels."""

    value: float
    error: float
    labelled: int


def is_measured(check: Check) -> bool:
    """Whether a metric is the one that decides and has a standard error, on either side."""
    return (
        check.signal == PERFORMANCE
        and check.primary
        and None not in (check.score, check.reference, check.threshold, check.warn)
        and bool(check.standard_error)
        and check.reference_error is not None
    )


def recent_checks(
    checks: Sequence[Check], earlier: Sequence[MeasuredWindow], is_enough: bool
) -> list[Check]:
    """The check of a window's deciding metric with those before it; none without two windows.

    `earlier` are windows before this one that were held against the same reference, the newest
    first. `is_enough` says whether this window has enough labels itself.
    """
    measured = [check for check in checks if is_measured(check)]
    if not measured or not is_enough or not earlier:
        return []
    check = measured[0]
    return [_check(check, (measured_window(check), *earlier[: MAX_WINDOWS - 1]))]


def measured_window(check: Check) -> MeasuredWindow:
    """What later windows read of a measured metric."""
    return MeasuredWindow(check.score or 0.0, check.standard_error or 0.0, check.n_current)


def comparable(spans: Iterable[Span], span: Span, scheme: WindowScheme) -> list[Span]:
    """Of earlier windows, the newest first, those of the same kind that do not overlap.

    A gap without labels between them is passed over.
    """
    chosen: list[Span] = []
    start = span.start
    for earlier in spans:
        if earlier.end <= start and scheme.are_alike(earlier, span):
            chosen.append(earlier)
            start = earlier.start
    return chosen[: MAX_WINDOWS - 1]


def judge_recent(check: Check) -> Check:
    """The check by its limits and beyond chance. It warns and never fails, as windows do that."""
    limits = CheckLimits(check.warn or 0.0, check.threshold or 0.0, check.direction)
    status = limits.judge(check.score or 0.0)
    error = StandardError(check.standard_error or 0.0, ERROR_METHOD)
    judged = beyond_chance(replace(check, status=status), error, "", check.reference_error)
    return replace(judged, status=WARN) if judged.status == "fail" else judged


def _check(current: Check, windows: Sequence[MeasuredWindow]) -> Check:
    sign = -1 if current.direction == "below" else 1
    reference, of_reference = current.reference or 0.0, current.reference_error or 0.0
    errors = np.array([window.error for window in windows])
    worse = sign * (np.array([window.value for window in windows]) - reference)
    by_chance = ERRORS * np.hypot(errors, of_reference)
    weights = errors**-2.0 / np.sum(errors**-2.0)
    mean = float(weights @ np.minimum(worse, by_chance))
    return judge_recent(
        replace(
            current,
            signal=RECENT_PERFORMANCE,
            method=METHOD.format(len(windows)),
            score=reference + sign * mean,
            standard_error=float(np.sum(errors**-2.0) ** -0.5),
            n_current=sum(window.labelled for window in windows),
            message="",
        )
    )
