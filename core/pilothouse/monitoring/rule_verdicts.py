"""What a rule makes of the results of one window: which it watches, and its verdict on each.

Pure, so that stored results and those that other settings would have given are read alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TypeVar

from pilothouse.monitoring.alert_rules import AlertRuleSpec
from pilothouse.monitoring.alert_state import Condition, Verdict
from pilothouse.monitoring.checks import (
    ESTIMATED_PERFORMANCE,
    NOT_EVALUATED,
    PERFORMANCE,
    PREDICTION_DRIFT,
    PRIMARY,
    Check,
)
from pilothouse.monitoring.past_windows import PastWindow
from pilothouse.monitoring.rules import rule_kinds
from pilothouse.monitoring.tables import AlertRule, CheckResult, Window
from pilothouse.monitoring.windows import Span, WindowScheme

Rule = AlertRule | AlertRuleSpec
Result = CheckResult | Check
R = TypeVar("R", CheckResult, Check)
W = TypeVar("W", Window, PastWindow)


def busiest(windows: Iterable[W], scheme: WindowScheme | None = None) -> list[W]:
    """Of the windows of each span, sorted by start and falling rows, the busiest version's.

    With a scheme, windows that are not of it, from before the monitor's was changed or with ends
    that a person chose, do not count: a day and a week in a row are not two windows in a row.
    """
    chosen: dict[datetime, W] = {}
    for window in windows:
        span = Span(window.start, window.end, window.size or 0)
        if scheme is None or scheme.is_window(span):
            chosen.setdefault(window.start, window)
    return list(chosen.values())


def signals_of(rule: Rule) -> tuple[str, ...]:
    """The signals whose results a rule needs: labels overrule an estimate."""
    if rule.signal == ESTIMATED_PERFORMANCE:
        return ESTIMATED_PERFORMANCE, PERFORMANCE
    return (rule.signal,)


def of_deciding_outputs(rule: Rule) -> bool:
    """Whether a rule watches the outputs that decide, by a test that need not be the primary."""
    return rule.signal == PREDICTION_DRIFT and rule.column == "*" and rule.check != PRIMARY


def watched(rule: Rule, results: Sequence[R]) -> list[R]:
    """Of the results of one window, those that the rule watches."""
    chosen = [result for result in results if result.signal == rule.signal]
    deciding = {result.column for result in chosen if result.primary}
    if rule.check == PRIMARY:
        chosen = [result for result in chosen if result.primary]
    else:
        chosen = [result for result in chosen if result.check == rule.check]
    if of_deciding_outputs(rule):
        chosen = [result for result in chosen if result.column in deciding]
    if rule.signal == ESTIMATED_PERFORMANCE:
        chosen = _observed_where_judged(chosen, results)
    return [result for result in chosen if fnmatchcase(result.column, rule.column)]


def _observed_where_judged(estimated: Sequence[R], results: Sequence[R]) -> list[R]:
    """Each estimated result, or the observed one of its metric once that is judged.

    So an alert on an estimate ends, or stays, by the labels of the same windows.
    """
    observed = {
        result.check: result
        for result in results
        if result.signal == PERFORMANCE and result.status not in NOT_EVALUATED
    }
    return [observed.get(result.check, result) for result in estimated]


def condition_of(rule: Rule) -> Condition:
    """The rule's condition as a value."""
    return Condition(rule.condition, rule.threshold, rule.clear_threshold)


def verdict_of(result: Result, condition: Condition) -> Verdict:
    """The verdict on one result; one that chance explains is no breach, but not clear either."""
    if result.status in NOT_EVALUATED:
        return "unknown"
    verdict = condition.verdict(*compared(result, condition.kind))
    by_chance = verdict == "breach" and _is_within_chance(result, condition)
    return "between" if by_chance else verdict


def _is_within_chance(result: Result, condition: Condition) -> bool:
    """Whether chance explains a score on the bad side that the rule watches.

    Results from before chance was weighed are never explained by it.
    """
    if result.p_value is None or result.noise_level is None or result.score is None:
        return False
    if result.p_value <= result.noise_level:
        return False
    if rule_kinds.get(condition.kind).in_tolerances:
        return True
    worse = result.score + (1 if result.direction == "above" else -1)
    now, then = (condition.excess(score, result.reference) for score in (result.score, worse))
    return now is not None and then is not None and then > now


def compared(result: Result, kind: str) -> tuple[float | None, float | None]:
    """The score and the reference that a kind of rule compares: values, or tolerances.

    The check fails at its threshold, on its bad side of the reference, so that the distance from
    the reference over the distance of the threshold is positive exactly where it is worse.
    """
    score, reference, fails = result.score, result.reference, result.threshold
    if not rule_kinds.get(kind).in_tolerances:
        return score, reference
    if score is None or reference is None or fails is None or fails == reference:
        return None, None
    return (score - reference) / (fails - reference), 0.0


def worst_result(results: Iterable[R], condition: Condition) -> R | None:
    """The result that lies farthest beyond the threshold."""
    return max(
        results,
        key=lambda result: condition.excess(*compared(result, condition.kind)) or 0.0,
        default=None,
    )
